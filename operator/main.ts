import { OperatorError } from "./error.ts";
import { startOperator } from "./operator.ts";
import { parseOptions, usage } from "./options.ts";

/** Longer than the slowest clean stop; then the process ends by itself. */
const stopMilliseconds = 15_000;

async function main(args: readonly string[]): Promise<void> {
	if (args.includes("--help")) {
		console.log(usage);
		return;
	}
	const starting = startOperator(parseOptions(args));
	for (const signal of ["SIGTERM", "SIGINT"] as const) {
		process.once(signal, () => {
			setTimeout(() => process.exit(1), stopMilliseconds).unref();
			starting.then((operator) => operator.stop()).then(() => process.exit(0), fail);
		});
	}
	await (await starting).started;
}

function fail(error: unknown): never {
	if (error instanceof OperatorError && error.code === "USAGE") {
		console.error(`${error.message}\n\n${usage}`);
		process.exit(2);
	}
	console.error(error);
	process.exit(1);
}

main(process.argv.slice(2)).catch(fail);

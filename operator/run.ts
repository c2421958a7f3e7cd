import { podAddress, type Resolve } from "../gates/address.ts";
import { OperatorError } from "./error.ts";
import { startOperator } from "./operator.ts";
import { parseOptions, usage } from "./options.ts";

/** Longer than the slowest clean stop; then the process ends by itself. */
const stopMilliseconds = 15_000;

/** Runs one replica until it is told to end, and then ends the process. `resolve`: where the gates of pods are. */
export function runOperator(args: readonly string[], resolve: Resolve = podAddress): void {
	run(args, resolve).catch(fail);
}

async function run(args: readonly string[], resolve: Resolve): Promise<void> {
	if (args.includes("--help")) {
		console.log(usage);
		return;
	}
	const starting = startOperator(parseOptions(args), resolve);
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

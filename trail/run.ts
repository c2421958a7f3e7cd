import { AuditError } from "../audit/error.ts";
import { TrailError } from "./error.ts";
import { parseOptions, usage } from "./options.ts";
import { startTrail } from "./trail.ts";

/** Longer than the slowest clean stop; then the process ends by itself. */
const stopMilliseconds = 9_000;

/** Runs one trail until it is told to end, and then ends the process. */
export function runTrail(args: readonly string[]): void {
	run(args).catch(fail);
}

async function run(args: readonly string[]): Promise<void> {
	if (args.includes("--help")) {
		console.log(usage);
		return;
	}
	const starting = startTrail(parseOptions(args));
	for (const signal of ["SIGTERM", "SIGINT"] as const) {
		process.once(signal, () => {
			setTimeout(() => process.exit(1), stopMilliseconds).unref();
			starting.then((trail) => trail.stop()).then(() => process.exit(0), fail);
		});
	}
	await starting;
}

function fail(error: unknown): never {
	if (error instanceof TrailError && error.code === "USAGE") {
		console.error(`tradingsafety-trail: ${error.message} (--help tells how to call it)`);
		process.exit(2);
	}
	// What somebody can put right is said in a line; what nobody has thought of with where it was.
	const isKnown = error instanceof TrailError || error instanceof AuditError || isSystem(error);
	console.error(isKnown ? `tradingsafety-trail: ${error.message}` : error);
	process.exit(1);
}

function isSystem(error: unknown): error is Error {
	return error instanceof Error && "syscall" in error;
}

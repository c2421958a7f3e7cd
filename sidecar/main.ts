import { SidecarError } from "./error.ts";
import { nodeHid } from "./node-hid.ts";
import { parseOptions, usage } from "./options.ts";
import { defaultLog, startSidecar } from "./run.ts";

/** Longer than the slowest clean stop; then the process ends by itself. */
const stopMilliseconds = 5_000;
/** Time for a raise that is under way. */
const lossMilliseconds = 5_000;

run(process.argv.slice(2)).catch(fail);

async function run(args: readonly string[]): Promise<void> {
	if (args.includes("--help")) {
		console.log(usage);
		return;
	}
	const options = parseOptions(args);
	const log = defaultLog(options);
	const transport = nodeHid((where, err) => log.warn({ err }, `failed: ${where}`));
	const onDeviceLost = () => {
		if (!options.exitOnLoss) return;
		log.error("a device is gone: this process ends, so that its container is made anew");
		// Not a clean end: its Leases are not to say that this was on purpose.
		setTimeout(() => process.exit(1), lossMilliseconds);
	};
	const starting = startSidecar(options, { transport, log, onDeviceLost });
	for (const signal of ["SIGTERM", "SIGINT"] as const) {
		process.once(signal, () => {
			setTimeout(() => process.exit(1), stopMilliseconds).unref();
			starting.then((sidecar) => sidecar.stop()).then(() => process.exit(0), fail);
		});
	}
	await starting;
}

function fail(error: unknown): never {
	if (error instanceof SidecarError && error.code === "USAGE") {
		console.error(`${error.message}\n\n${usage}`);
		process.exit(2);
	}
	console.error(error);
	process.exit(1);
}

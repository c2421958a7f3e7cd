/**
 * `npm start [-- --once]`: the demo. A cluster, a desk, two replicas of the operator, and a live view of them until
 * Ctrl-C; with `--once` a walk through all modes that checks itself.
 */
import { parseArgs } from "node:util";
import { ClusterError } from "./cluster/errors.ts";
import { openEmbedded } from "./demo/embedded.ts";
import { DemoError } from "./demo/errors.ts";
import { launchers, watchLaunchers } from "./demo/launcher.ts";
import { runLive } from "./demo/live.ts";
import { runOnce } from "./demo/once.ts";

const USAGE = `Usage: npm start            the demo desk with a live view, until Ctrl-C
       npm start -- --once  walk through all modes, check each step, and end`;

function isOnce(args: readonly string[]): boolean {
	try {
		const { values } = parseArgs({ args: [...args], options: { once: { type: "boolean" } } });
		return values.once === true;
	} catch (cause) {
		if (!(cause instanceof TypeError)) throw cause;
		throw new DemoError("Usage", `${cause.message}\n\n${USAGE}`, { cause });
	}
}

async function main(args: readonly string[]): Promise<number> {
	const once = isOnce(args);
	const interruption = new AbortController();
	const interrupt = (error: Error) => interruption.abort(error);
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.once(signal, () => interrupt(new DemoError("Interrupted", `ended by ${signal}`)));
	}
	const unwatch = watchLaunchers(launchers(), () => {
		interrupt(new DemoError("Interrupted", "npm, which ran this, is gone"));
	});
	try {
		return await (once ? runOnce : runLive)(openEmbedded, interruption.signal, interrupt);
	} finally {
		unwatch();
	}
}

try {
	process.exitCode = await main(process.argv.slice(2));
} catch (error) {
	if (!(error instanceof ClusterError) && !(error instanceof DemoError)) throw error;
	console.error(error.message);
	process.exitCode = error instanceof DemoError && error.code === "Usage" ? 2 : 1;
}

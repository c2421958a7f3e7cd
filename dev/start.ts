/**
 * `npm start [-- OPTIONS]`: the demo. A desk, the operator, and a live view of them until Ctrl-C, or with `--once` a
 * walk through all modes that checks itself; on a cluster of its own, or on that of a kubeconfig.
 */
import { KubeError } from "../kube/error.ts";
import { ClusterError } from "./cluster/errors.ts";
import { displayProgress } from "./cluster/progress.ts";
import type { OpenDemo } from "./demo/demo.ts";
import { openEmbedded } from "./demo/embedded.ts";
import { DemoError } from "./demo/errors.ts";
import { launchers, watchLaunchers } from "./demo/launcher.ts";
import { runLive } from "./demo/live.ts";
import { runOnce } from "./demo/once.ts";
import { type Command, parseCommand, usage } from "./demo/options.ts";
import { GuestError } from "./guest/errors.ts";
import { openGuest } from "./guest/guest.ts";
import { removeLeftovers } from "./guest/leftovers.ts";

type Interruption = {
	readonly signal: AbortSignal;
	readonly interrupt: (error: Error) => void;
};

async function main(command: Command): Promise<number> {
	const interruption = new AbortController();
	const interrupt = (error: Error) => interruption.abort(error);
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.once(signal, () => interrupt(new DemoError("Interrupted", `ended by ${signal}`)));
	}
	for (const stream of [process.stdout, process.stderr]) {
		// Somebody who reads the first lines only, or a terminal that was closed: no reason to leave anything behind.
		stream.on("error", (cause) => {
			interrupt(new DemoError("Interrupted", "nobody reads the output any more", { cause }));
		});
	}
	const unwatch = watchLaunchers(launchers(), () => {
		interrupt(new DemoError("Interrupted", "npm, which ran this, is gone"));
	});
	try {
		return await run(command, { signal: interruption.signal, interrupt });
	} finally {
		unwatch();
	}
}

async function run(command: Command, interruption: Interruption): Promise<number> {
	switch (command.kind) {
		case "Help":
			console.log(usage);
			return 0;
		case "Embedded":
			return runDemo(command.once, openEmbedded, interruption);
		case "Guest":
			return runDemo(command.once, (options) => openGuest(command, options), interruption);
		case "Remove":
			await removeLeftovers(command, displayProgress(process.stderr), interruption.signal);
			return 0;
	}
}

function runDemo(once: boolean, open: OpenDemo, { signal, interrupt }: Interruption): Promise<number> {
	return (once ? runOnce : runLive)(open, signal, interrupt);
}

try {
	process.exitCode = await main(parseCommand(process.argv.slice(2), process.env));
} catch (error) {
	const told = [ClusterError, DemoError, GuestError, KubeError].some((kind) => error instanceof kind);
	if (!told) throw error;
	console.error((error as Error).message);
	process.exitCode = error instanceof DemoError && error.code === "Usage" ? 2 : 1;
}

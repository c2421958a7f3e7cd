import type { ChildProcess } from "node:child_process";
import { waitFor } from "../cluster/deadline.ts";
import { ClusterError } from "../cluster/errors.ts";
import { isListening } from "../cluster/ports.ts";
import { endProcess, identify } from "../cluster/processes.ts";

const startMilliseconds = 60_000;
const stopMilliseconds = 30_000;

/** An object store that runs on this machine. */
export type ObjectStore = {
	readonly url: string;
	readonly region: string;
	readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
	readonly pid: number;
	/** Ends it; its folder is whoever's who gave it. */
	readonly stop: () => Promise<void>;
};

/** Waits until a server answers, in whatever way, and says how to end it. Throws when it ends before that. */
export async function started(
	child: ChildProcess,
	name: string,
	url: string,
	ports: readonly number[],
	answers: () => Promise<boolean> = () => anyAnswer(url),
): Promise<Pick<ObjectStore, "pid" | "stop">> {
	let words = "";
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		words = (words + text).slice(-2_000);
	});
	const identity = child.pid === undefined ? undefined : identify(child.pid);
	if (identity === undefined) throw new ClusterError("StartFailed", `${name} did not start`);
	const isQuiet = async () => !(await Promise.all(ports.map(isListening))).includes(true);
	const stop = async () => {
		await endProcess(identity, 10_000);
		await waitFor(`the ports of ${name} are free`, isQuiet, { timeoutMilliseconds: stopMilliseconds });
	};
	const assertPossible = () => {
		if (child.exitCode !== null) throw new ClusterError("StartFailed", `${name} ended: ${words}`);
	};
	try {
		await waitFor(`${name} answers`, answers, { timeoutMilliseconds: startMilliseconds, assertPossible });
	} catch (error) {
		await stop();
		throw error;
	}
	return { pid: identity.pid, stop };
}

async function anyAnswer(url: string): Promise<boolean> {
	try {
		await fetch(url);
		return true;
	} catch {
		// Nobody listens yet: asked again until the deadline.
		return false;
	}
}

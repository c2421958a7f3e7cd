import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "../cluster/deadline.ts";
import { nodeFlags } from "../node-flags.ts";
import { DemoError } from "./errors.ts";

const MAIN = fileURLToPath(new URL("../../operator/main.ts", import.meta.url));
const MAIN_WITH_ADDRESSES = fileURLToPath(new URL("../operator.ts", import.meta.url));
const LEASH = new URL("leash.ts", import.meta.url).href;
const RESTART_MILLISECONDS = 1_000;
/** Longer than a replica gives itself for a clean stop. */
const STOP_MILLISECONDS = 20_000;

/** Settings of {@link startReplica}. */
export type ReplicaOptions = {
	/** `a` or `b`. */
	readonly name: string;
	readonly kubeconfig: string;
	/** The folder where it writes its log; appended to. */
	readonly logs: string;
	/** More of its command line. */
	readonly args: readonly string[];
	/** Where the processes behind played pods take permits; undefined: pods are asked at their own addresses. */
	readonly addressBook?: string;
	/** Told when it ended by itself; it is started again a second later. */
	readonly onDied: (how: string) => void;
};

/** One replica of the operator, started again whenever it ends. */
export type Replica = {
	readonly name: string;
	readonly log: string;
	/** What it writes into the lease: another in every life. */
	readonly identity: () => string;
	/** Process number, undefined between two lives. */
	readonly pid: () => number | undefined;
	/** Port of /healthz, /readyz and /metrics; undefined until it governs. */
	readonly port: () => number | undefined;
	/** How often it ended by itself. */
	readonly deaths: () => number;
	/** Resolves when it governs. Throws `ReplicaFailed` with the end of its log, or the reason of `signal`. */
	readonly governing: (signal: AbortSignal) => Promise<void>;
	readonly stop: () => Promise<void>;
};

/** Starts the operator in a session of its own, so that Ctrl-C at a terminal does not reach it first. */
export function startReplica(options: ReplicaOptions): Replica {
	const { name, kubeconfig, logs, args: more, addressBook, onDied } = options;
	const main = addressBook === undefined ? [MAIN] : [MAIN_WITH_ADDRESSES, "--gates", addressBook];
	const log = join(logs, `operator-${name}.log`);
	let lives = 0;
	let deaths = 0;
	let child: ChildProcess | undefined;
	let port: number | undefined;
	const stopping = new AbortController();
	const identity = () => `operator-${name}-${lives}`;

	function live(): void {
		lives += 1;
		port = undefined;
		const out = openSync(log, "a", 0o600);
		const args = ["--kubeconfig", kubeconfig, "--identity", identity(), "--http-port", "0", ...more];
		const started = spawn(process.execPath, [...nodeFlags, "--import", LEASH, ...main, ...args], {
			detached: true,
			stdio: ["ignore", out, out, "ipc"],
		});
		closeSync(out);
		child = started;
		let ended = false;
		const end = (how: string) => {
			if (ended) return;
			ended = true;
			if (child === started) child = undefined;
			port = undefined;
			if (stopping.signal.aborted) return;
			deaths += 1;
			onDied(how);
			setTimeout(() => {
				if (!stopping.signal.aborted) live();
			}, RESTART_MILLISECONDS);
		};
		started.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
		started.once("error", (error) => end(error.message));
	}

	function findPort(): number | undefined {
		port ??= child === undefined ? undefined : portInLog(log, identity());
		return port;
	}

	live();
	return {
		name,
		log,
		identity,
		pid: () => child?.pid,
		port: findPort,
		deaths: () => deaths,
		async governing(signal) {
			try {
				await waitFor(`replica ${name} governs`, () => findPort() !== undefined, {
					timeoutMilliseconds: 60_000,
					assertPossible: () => AbortSignal.any([signal, stopping.signal]).throwIfAborted(),
				});
			} catch (cause) {
				signal.throwIfAborted();
				throw new DemoError("ReplicaFailed", `replica ${name} does not come up: ${logTail(log)}`, { cause });
			}
		},
		async stop() {
			stopping.abort(new DemoError("Interrupted", `replica ${name} is being stopped`));
			const running = child;
			if (running === undefined) return;
			const exited = new Promise((resolve) => running.once("exit", resolve));
			running.kill("SIGTERM");
			const impatience = setTimeout(() => running.kill("SIGKILL"), STOP_MILLISECONDS);
			await exited;
			clearTimeout(impatience);
		},
	};
}

/** The port that this life of the replica wrote into its log when it began to govern. */
function portInLog(log: string, identity: string): number | undefined {
	if (!existsSync(log)) return undefined;
	const lines = readFileSync(log, "utf8").split("\n");
	for (const line of lines.toReversed()) {
		if (!line.includes('"msg":"governing"')) continue;
		const entry = JSON.parse(line) as { readonly replica: string; readonly port: number };
		if (entry.replica === identity) return entry.port;
	}
	return undefined;
}

function logTail(log: string): string {
	if (!existsSync(log)) return "it wrote no log";
	return `its log ends with\n${readFileSync(log, "utf8").trimEnd().split("\n").slice(-10).join("\n")}`;
}

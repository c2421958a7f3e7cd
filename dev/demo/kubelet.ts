import { join } from "node:path";
import type { Client } from "../../kube/client.ts";
import { type KubeObject, keyOf } from "../../kube/object.ts";
import { pathOf } from "../../kube/paths.ts";
import { Reflector } from "../../kube/reflector.ts";
import type { BotPorts } from "../bots/bot.ts";
import { writeAtomically } from "../cluster/files.ts";
import { appLabel } from "./desk.ts";
import { type Program, startProgram } from "./program.ts";

/** A pod that KWOK plays, as far as a process stands behind it. */
type PodRow = {
	readonly uid: string;
	readonly name: string;
	readonly app: string;
	readonly isReady: boolean;
	readonly isStopping: boolean;
	readonly graceMilliseconds: number;
};

type PodObject = KubeObject & {
	readonly metadata: {
		readonly uid: string;
		readonly name: string;
		readonly deletionTimestamp?: string;
		readonly deletionGracePeriodSeconds?: number;
		readonly labels?: Readonly<Record<string, string>>;
	};
	readonly status?: {
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
};

/** The process behind a pod, as it is now. */
export type PodProcess = {
	readonly app: string;
	readonly pod: string;
	readonly pid: number | undefined;
	/** Undefined until it listens. */
	readonly ports: BotPorts | undefined;
};

/** Settings of {@link startKubelet}. */
export type KubeletOptions = {
	readonly client: Client;
	readonly namespace: string;
	/** The command line of the bot behind the pods of a workload; undefined: nothing stands behind them. */
	readonly argsOf: (app: string) => readonly string[] | undefined;
	/** Where the operator reads at which port of this machine the process behind each pod takes permits. */
	readonly addressBook: string;
	/** The folder of the logs. */
	readonly logs: string;
	/** Told when a process ended by itself; it is started again a second later, as its pod is still there. */
	readonly onDied: (pod: string, how: string) => void;
	readonly onError: (error: unknown) => void;
};

/** What stands in for the kubelets of the nodes that KWOK plays. */
export type Kubelet = {
	readonly processes: () => readonly PodProcess[];
	/** Ends all processes. */
	readonly stop: () => Promise<void>;
};

type Running = {
	readonly row: PodRow;
	program: Program<{ readonly ports: BotPorts }> | undefined;
	ports: BotPorts | undefined;
	isEnding: boolean;
	/** Resolves when the last process of the pod has ended and no other follows. */
	done: Promise<void>;
};

const RESTART_MILLISECONDS = 1_000;
const GRACE_MILLISECONDS = 2_000;

/**
 * Keeps one process behind each pod that is Ready: started with it, started again in place when it ends by itself,
 * ended when the pod is told to stop or gone. It reads the API server and never writes to it.
 */
export function startKubelet(options: KubeletOptions): Kubelet {
	const { client, namespace, argsOf, addressBook, logs, onDied, onError } = options;
	const behind = new Map<string, Running>();
	const stopping = new AbortController();

	function writeAddresses(): void {
		const known = [...behind.values()].flatMap(({ row, ports, isEnding }) =>
			ports === undefined || isEnding ? [] : [[row.name, ports.permit ?? ports.main] as const],
		);
		writeAtomically(addressBook, JSON.stringify(Object.fromEntries(known)));
	}

	async function live(running: Running, args: readonly string[]): Promise<void> {
		const { row } = running;
		while (!running.isEnding) {
			const log = join(logs, `${row.app}.log`);
			const program = startProgram<{ readonly ports: BotPorts }>({ main: "bots/main.ts", args, log });
			running.program = program;
			const ready = await program.ready;
			running.ports = ready?.ports;
			writeAddresses();
			const how = await program.ended;
			running.program = undefined;
			if (running.isEnding) return;
			onDied(row.name, how);
			await new Promise((resolve) => setTimeout(resolve, RESTART_MILLISECONDS));
		}
	}

	function begin(row: PodRow): void {
		const args = argsOf(row.app);
		if (args === undefined || behind.has(row.uid) || stopping.signal.aborted) return;
		const running: Running = {
			row,
			program: undefined,
			ports: undefined,
			isEnding: false,
			done: Promise.resolve(),
		};
		behind.set(row.uid, running);
		running.done = live(running, args).catch(onError);
	}

	async function end(uid: string, graceMilliseconds: number): Promise<void> {
		const running = behind.get(uid);
		if (running === undefined) return;
		if (!running.isEnding) {
			running.isEnding = true;
			writeAddresses();
			await running.program?.end(graceMilliseconds);
		}
		await running.done;
		behind.delete(uid);
	}

	const pods = new Reflector<PodObject, PodRow>({
		client,
		path: pathOf({ group: "", version: "v1", resource: "pods", namespace }),
		project: rowOf,
		onChange({ before, after }) {
			if (before !== undefined && before.uid !== after?.uid) {
				end(before.uid, before.graceMilliseconds).catch(onError);
			}
			if (after?.isStopping === true) end(after.uid, after.graceMilliseconds).catch(onError);
			else if (after?.isReady === true) begin(after);
		},
		onError,
	});
	writeAddresses();
	pods.start();

	return {
		processes: () =>
			[...behind.values()].map(({ row, program, ports }) => ({
				app: row.app,
				pod: row.name,
				pid: program?.pid,
				ports,
			})),
		async stop() {
			stopping.abort();
			await pods.stop();
			await Promise.all([...behind.keys()].map((uid) => end(uid, GRACE_MILLISECONDS)));
		},
	};
}

function rowOf(pod: PodObject): PodRow {
	const { uid, deletionTimestamp, deletionGracePeriodSeconds, labels } = pod.metadata;
	return {
		uid,
		name: keyOf(pod).split("/").at(-1) ?? "",
		app: labels?.[appLabel] ?? "",
		isReady: (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True"),
		isStopping: deletionTimestamp !== undefined,
		graceMilliseconds:
			deletionGracePeriodSeconds === undefined ? GRACE_MILLISECONDS : deletionGracePeriodSeconds * 1_000,
	};
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import { nodeFlags } from "../../dev/node-flags.ts";
import type { Scope } from "../support/scope.ts";
import { until } from "../support/until.ts";
import type { TestDesk } from "./desk.ts";

const shiftedClock = new URL("shifted-clock.ts", import.meta.url).href;
const main = fileURLToPath(new URL("../../operator/main.ts", import.meta.url));
const playedMain = fileURLToPath(new URL("../../dev/operator.ts", import.meta.url));
/** A runner that is killed must not leave replicas behind that look for its cluster for ever. */
const leash = new URL("../../dev/demo/leash.ts", import.meta.url).href;

/** Settings of {@link startReplica}. */
export type ReplicaOptions = {
	readonly identity?: string;
	/** By default that of the operator's service account; a proxy gives another. */
	readonly kubeconfig?: string;
	readonly leaseSeconds?: number;
	/** A file with the ports of gates: see `dev/operator.ts`. */
	readonly gates?: string;
	/** By how many hours its wall clock is off. */
	readonly clockHours?: number;
	/** Further options of the operator. */
	readonly args?: readonly string[];
};

/** One operator replica as a process of its own, governing one desk. Ends with the test. */
export class Replica {
	readonly identity: string;
	readonly #child: ChildProcess;
	#log = "";

	constructor(identity: string, child: ChildProcess) {
		this.identity = identity;
		this.#child = child;
		child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			this.#log += text;
		});
	}

	/** Its log so far, one JSON object a line. */
	get log(): readonly Record<string, unknown>[] {
		const complete = this.#log.slice(0, this.#log.lastIndexOf("\n") + 1);
		return complete
			.split("\n")
			.filter((line) => line.startsWith("{"))
			.map((line) => JSON.parse(line) as Record<string, unknown>);
	}

	/** What it wrote to standard error that is no line of its log: nothing, unless it crashed. */
	get strayOutput(): string {
		return this.#log
			.split("\n")
			.filter((line) => line !== "" && !line.startsWith("{"))
			.join("\n");
	}

	/** Everything it wrote so far. */
	get text(): string {
		return this.#log;
	}

	get running(): boolean {
		return this.#child.exitCode === null && this.#child.signalCode === null;
	}

	/** True when the last that it said about the lease is that it holds it. */
	get leads(): boolean {
		return this.log.findLast((line) => typeof line.leader === "boolean")?.leader === true;
	}

	/** The port of /readyz and /metrics, once it governs. */
	async port(): Promise<number> {
		return until(`${this.identity} governs`, () => {
			if (!this.running) throw new Error(`${this.identity} ended:\n${this.#log}`);
			return this.log.find((line) => line.msg === "governing")?.port as number | undefined;
		});
	}

	signal(signal: NodeJS.Signals): void {
		this.#child.kill(signal);
	}

	/** Sends a signal and waits for the end; returns the exit code, `null` when a signal ended it. */
	async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
		if (this.running) {
			const ended = once(this.#child, "exit");
			this.#child.kill("SIGCONT");
			this.#child.kill(signal);
			await ended;
		}
		return this.#child.exitCode;
	}

	/** The value of one series, named as it is exposed, e.g. `errors_total{where="x"}`; undefined when it is not. */
	async metric(series: string): Promise<number | undefined> {
		const response = await fetch(`http://127.0.0.1:${await this.port()}/metrics`);
		const line = (await response.text()).split("\n").find((one) => one.startsWith(`${series} `));
		return line === undefined ? undefined : Number(line.slice(series.length));
	}

	async ready(): Promise<{ readonly status: number; readonly text: string }> {
		const response = await fetch(`http://127.0.0.1:${await this.port()}/readyz`);
		return { status: response.status, text: await response.text() };
	}
}

/**
 * Starts a replica for the desk's namespace alone, with a lease of its own, so that tests do not meet. Its log is
 * also kept in the folder `TRADINGSAFETY_TEST_LOGS`, where there is one.
 */
export async function startReplica(t: Scope, desk: TestDesk, options: ReplicaOptions = {}): Promise<Replica> {
	const identity = options.identity ?? `replica-${crypto.randomUUID().slice(0, 8)}`;
	const { credentials, env } = await credentialsOf(desk, options);
	const clock = options.clockHours === undefined ? [] : ["--import", shiftedClock];
	const child = spawn(
		process.execPath,
		[
			...nodeFlags,
			...clock,
			...["--import", leash],
			...(options.gates === undefined ? [main] : [playedMain, "--gates", options.gates]),
			...[...credentials, "--http-port", "0", "--identity", identity, "--log-level", "debug"],
			...["--namespace", desk.namespace, "--lease", `test-${desk.namespace}`],
			...["--lease-seconds", String(options.leaseSeconds ?? 2)],
			...(options.args ?? []),
		],
		{
			stdio: ["ignore", "ignore", "pipe", "ipc"],
			env: { ...process.env, ...env, TRADINGSAFETY_TEST_CLOCK_HOURS: String(options.clockHours ?? 0) },
		},
	);
	const replica = new Replica(identity, child);
	t.teardown(() => replica.end("SIGKILL"));
	const logs = process.env.TRADINGSAFETY_TEST_LOGS;
	if (logs !== undefined)
		child.stderr?.pipe(createWriteStream(join(logs, `${desk.namespace}-${identity}.log`)));
	return replica;
}

/** As a pod has them, unless a kubeconfig is given. */
async function credentialsOf(desk: TestDesk, { kubeconfig }: ReplicaOptions) {
	if (kubeconfig !== undefined) return { credentials: ["--kubeconfig", kubeconfig], env: {} };
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const { folder, env } = await desk.cluster.podAccess(account);
	return { credentials: ["--service-account", folder], env };
}

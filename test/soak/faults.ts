import type { Cluster } from "../../dev/cluster/cluster.ts";
import { messageOf } from "../../dev/cluster/errors.ts";
import type { ServerName } from "../../dev/cluster/files.ts";
import { wait } from "../../kube/backoff.ts";
import type { Client } from "../../kube/client.ts";
import type { Chance } from "../operator/chance.ts";
import { until } from "../support/until.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Crew } from "./people.ts";
import type { Replicas } from "./replicas.ts";
import type { Fault } from "./story.ts";

/** Lets things go wrong at their time, and mends all of it again. */
export class Faults {
	readonly #cluster: Cluster;
	readonly #replicas: Replicas;
	readonly #crew: Crew;
	readonly #chronicle: Chronicle;
	readonly #chance: Chance;
	readonly #admin: Client;
	readonly #running = new Set<Promise<void>>();
	readonly #taken = new Set<ServerName>();
	readonly #healing = new AbortController();
	readonly #errors: string[] = [];
	#kwokWasKilled = false;

	constructor(stage: {
		readonly cluster: Cluster;
		readonly replicas: Replicas;
		readonly crew: Crew;
		readonly chronicle: Chronicle;
		readonly chance: Chance;
		readonly admin: Client;
	}) {
		this.#admin = stage.admin;
		this.#cluster = stage.cluster;
		this.#replicas = stage.replicas;
		this.#crew = stage.crew;
		this.#chronicle = stage.chronicle;
		this.#chance = stage.chance;
	}

	/** Returns at once; the fault strikes later. */
	strike(fault: Fault, afterMilliseconds: number): void {
		const run = wait(afterMilliseconds, this.#healing.signal)
			.then(() => this.#do(fault))
			.catch((error: unknown) => {
				this.#errors.push(`the soak could not carry out ${JSON.stringify(fault)}: ${messageOf(error)}`);
			})
			.finally(() => this.#running.delete(run));
		this.#running.add(run);
	}

	/** Ends every fault now and waits until all is mended. Returns what could not be done. */
	async heal(): Promise<readonly string[]> {
		this.#healing.abort();
		await Promise.all(this.#running);
		if (this.#kwokWasKilled) await this.#restartKwok();
		this.#kwokWasKilled = false;
		return this.#errors;
	}

	/**
	 * A KWOK that was started while the API server was about to go away keeps its leases and plays no pod any more
	 * (0.8.0), which no kubelet does.
	 */
	async #restartKwok(): Promise<void> {
		await this.#cluster.stopServer("kwok", "SIGKILL");
		await this.#endNodeLeases();
		await this.#cluster.startServer("kwok");
		this.#chronicle.note("kwok was started again, so that it sees everything");
	}

	async #do(fault: Fault): Promise<void> {
		const last = (milliseconds: number) => () => wait(milliseconds, this.#healing.signal);
		switch (fault.kind) {
			case "KillReplica":
				return this.#replicas.kill(fault.victim, last(fault.downMilliseconds));
			case "SleepReplica":
				return this.#replicas.sleep(fault.victim, last(fault.milliseconds));
			case "Cut":
				return this.#replicas.cut(fault.victim);
			case "Silence":
				return this.#replicas.silence(fault.victim, fault.of);
			case "Weather":
				return this.#replicas.weather(fault, this.#chance, last(fault.milliseconds));
			case "Raise":
				return this.#crew.raise(fault.to);
			case "KillServer":
				return this.#hit(fault.server, "kill -9", async () => {
					await this.#cluster.stopServer(fault.server, "SIGKILL");
					await last(fault.downMilliseconds)();
					this.#kwokWasKilled ||= fault.server === "kwok";
					if (fault.server === "kwok") await this.#endNodeLeases();
					await this.#cluster.startServer(fault.server);
					this.#chronicle.note(`${fault.server} runs again`);
				});
			case "SleepServer":
				return this.#hit(fault.server, "SIGSTOP", async () => {
					const pid = this.#cluster.pids()[fault.server];
					if (pid === undefined) return;
					process.kill(pid, "SIGSTOP");
					await last(fault.milliseconds)();
					process.kill(pid, "SIGCONT");
					this.#chronicle.note(`SIGCONT of ${fault.server}`);
				});
		}
	}

	/** Without this a new KWOK, which has a new name, plays the nodes only when the leases of the dead one are over. */
	async #endNodeLeases(): Promise<void> {
		const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
		await until("the node leases are ended", () => this.#admin.delete(path).then(() => true), {
			timeoutMilliseconds: 60_000,
		});
	}

	async #hit(server: ServerName, what: string, work: () => Promise<void>): Promise<void> {
		// An API server that starts without its store gives up.
		const needed = server === "kube-apiserver" ? "etcd" : "kube-apiserver";
		const busy = this.#taken.has(server) || (isStore(server) && this.#taken.has(needed));
		this.#chronicle.note(
			busy ? `(${what} of ${server} comes while it is hit already)` : `${what} of ${server}`,
		);
		if (busy) return;
		this.#taken.add(server);
		try {
			await work();
		} finally {
			this.#taken.delete(server);
		}
	}
}

const isStore = (server: ServerName): boolean => server === "etcd" || server === "kube-apiserver";

import type { Chance } from "../operator/chance.ts";
import type { TestDesk } from "../operator/desk.ts";
import { FaultProxy, pass, type Rule } from "../operator/proxy.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import type { Scope } from "../support/scope.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Victim } from "./story.ts";

/** One place in which one life of a replica follows the other, behind a proxy of its own. */
type Place = {
	readonly proxy: FaultProxy;
	/** The last one lives, or is dead for now. */
	readonly lives: Replica[];
	/** While something is done to it nothing else is. */
	taken: boolean;
};

/** The replicas of a story: processes that are killed, put to sleep, and badly connected. */
export class Replicas {
	readonly #scope: Scope;
	readonly #desk: TestDesk;
	readonly #chronicle: Chronicle;
	readonly #places: Place[] = [];
	readonly #killed = new Set<Replica>();

	private constructor(scope: Scope, desk: TestDesk, chronicle: Chronicle) {
		this.#scope = scope;
		this.#desk = desk;
		this.#chronicle = chronicle;
	}

	static async start(scope: Scope, desk: TestDesk, chronicle: Chronicle, count: number): Promise<Replicas> {
		const replicas = new Replicas(scope, desk, chronicle);
		for (let i = 0; i < count; i += 1) {
			const place: Place = { proxy: await FaultProxy.start(scope, desk.cluster), lives: [], taken: false };
			replicas.#places.push(place);
			await replicas.#live(place);
		}
		return replicas;
	}

	/** Does something to a replica that is left alone otherwise. Says false when it is not. */
	async #hit(
		victim: Victim,
		what: string,
		work: (place: Place, replica: Replica) => Promise<void>,
	): Promise<void> {
		const place = this.#places[this.#numberOf(victim)];
		const replica = place?.lives.at(-1);
		const who = `${replica?.identity}${replica?.leads === true ? " (leads)" : ""}`;
		if (place === undefined || replica === undefined || place.taken) {
			this.#chronicle.note(`(${what} of ${who} comes while it is hit already)`);
			return;
		}
		place.taken = true;
		try {
			this.#chronicle.note(`${what} of ${who}`);
			await work(place, replica);
		} finally {
			place.taken = false;
		}
	}

	kill(victim: Victim, down: () => Promise<void>): Promise<void> {
		return this.#hit(victim, "kill -9", async (place, replica) => {
			this.#killed.add(replica);
			await replica.end("SIGKILL");
			await down();
			await this.#live(place);
		});
	}

	sleep(victim: Victim, asleep: () => Promise<void>): Promise<void> {
		return this.#hit(victim, "SIGSTOP", async (_place, replica) => {
			replica.signal("SIGSTOP");
			await asleep();
			replica.signal("SIGCONT");
			this.#chronicle.note(`SIGCONT of ${replica.identity}`);
		});
	}

	cut(victim: Victim): void {
		this.#chronicle.note(`the connections of replica ${this.#numberOf(victim)} are reset`);
		this.#places[this.#numberOf(victim)]?.proxy.cut();
	}

	silence(victim: Victim, of: string): void {
		this.#chronicle.note(`silence for replica ${this.#numberOf(victim)}: ${of}`);
		const proxy = this.#places[this.#numberOf(victim)]?.proxy;
		if (of === "everything") proxy?.freeze();
		else proxy?.freezeWatches(of);
	}

	async weather(
		{ victim, share, of }: { readonly victim: Victim; readonly share: number; readonly of: string },
		chance: Chance,
		during: () => Promise<void>,
	): Promise<void> {
		const number = this.#numberOf(victim);
		const proxy = this.#places[number]?.proxy;
		if (proxy === undefined) return;
		this.#chronicle.note(`bad weather for replica ${number}: ${share * 100} % of its calls to ${of}`);
		const bad = badly(chance, share);
		proxy.rule = (call) => (of === "everything" || call.path.includes(`/${of}`) ? bad(call) : pass(call));
		await during();
		proxy.rule = pass;
		this.#chronicle.note(`the weather of replica ${number} is fine again`);
	}

	/** What no replica may show: an end of its own, output beside its log, an open fence. */
	misbehaviour(): readonly string[] {
		return this.#all().flatMap((replica) => {
			const { identity, strayOutput } = replica;
			const open = replica.log.find((line) => /the fence is open/.test(String(line.msg)));
			return [
				...(replica.running || this.#killed.has(replica) ? [] : [`${identity} ended by itself`]),
				...(strayOutput === "" ? [] : [`${identity} wrote beside its log: ${strayOutput.slice(0, 500)}`]),
				...(open === undefined ? [] : [`${identity} says: ${JSON.stringify(open)}`]),
			];
		});
	}

	/** The log of each life. */
	logs(): readonly { readonly identity: string; readonly text: string }[] {
		return this.#all().map(({ identity, text }) => ({ identity, text }));
	}

	async end(): Promise<readonly string[]> {
		const last = this.#places.flatMap(({ lives }) => lives.slice(-1));
		return (
			await Promise.all(
				last.map(async (replica) => {
					const wasRunning = replica.running;
					this.#killed.add(replica);
					const code = await replica.end("SIGTERM");
					// One that has only just begun does not listen to signals yet.
					const listens = replica.log.some((line) => line.msg === "governing");
					return wasRunning && listens && code !== 0
						? [`${replica.identity} ended with ${code} on SIGTERM`]
						: [];
				}),
			)
		).flat();
	}

	#all(): readonly Replica[] {
		return this.#places.flatMap(({ lives }) => lives);
	}

	#numberOf(victim: Victim): number {
		if (victim !== "Leader") return victim % this.#places.length;
		return Math.max(
			0,
			this.#places.findIndex(({ lives }) => lives.at(-1)?.running === true && lives.at(-1)?.leads === true),
		);
	}

	async #live(place: Place): Promise<void> {
		const identity = `replica-${this.#places.indexOf(place)}-${place.lives.length}`;
		const { kubeconfig } = place.proxy;
		const replica = await startReplica(this.#scope, this.#desk, { identity, kubeconfig });
		place.lives.push(replica);
		this.#chronicle.note(`${identity} starts`);
	}
}

const latestMilliseconds = 6_000;

/** This share of the calls fails, in one of several ways. */
const badly =
	(chance: Chance, share: number): Rule =>
	() =>
		chance.happens(share)
			? chance.pick<ReturnType<Rule>>(
					[3, { kind: "Answer", status: 409 }],
					[3, { kind: "Answer", status: 429, retryAfterSeconds: 1 }],
					[3, { kind: "Answer", status: 500 }],
					[3, { kind: "Reset" }],
					[3, { kind: "LoseAnswer" }],
					[2, { kind: "Hang" }],
					[2, { kind: "Late", until: chance.moment(latestMilliseconds) }],
				)
			: { kind: "Pass" };

import { wait } from "../../../kube/backoff.ts";
import type { PositionsDocument } from "../../../permits/positions.ts";
import { waitFor } from "../../cluster/deadline.ts";
import { ClusterError } from "../../cluster/errors.ts";
import { wallNow } from "../../venue/clock.ts";
import type { Phase } from "../desk.ts";
import { DemoError } from "../errors.ts";
import type { Floor } from "../floor.ts";
import { accounts, liar, obedient } from "../trading-desk.ts";
import { fallsAlong, type Held, heldOf, stopsOf } from "./exposure.ts";
import { readDesk } from "./reads.ts";
import type { WalkContext } from "./walk.ts";

const SAMPLE_MILLISECONDS = 100;
/** How long the venue is watched in a halt before it is asked. */
const WATCH_MILLISECONDS = 1_500;
const SILENCE_MILLISECONDS = 500;
/** From an order of the operator to what the venue shows of it, on a machine that is busy. */
const SLACK_MILLISECONDS = 1_500;

/** Holds what the venue saw, and nobody else, against what each step is for. */
export class Market {
	readonly #context: WalkContext;
	readonly #floor: Floor;
	/** When the first mode of the halt was confirmed; milliseconds since 1970. */
	#haltedAt = 0;
	/** What was so before the step. */
	#instance: string | undefined;
	#stops: ReadonlyMap<string, number> = new Map();
	/** The last stop of each position while it was brought down. */
	readonly #lastStops = new Map<string, number>();
	#hung: number | undefined;
	#begunAt = 0;
	#sampled: Promise<readonly Held[]> = Promise.resolve([]);

	constructor(context: WalkContext, floor: Floor) {
		this.#context = context;
		this.#floor = floor;
	}

	/** Waits until everybody trades, is told where they can be, and the hanger hangs. */
	async awaitTrading(): Promise<void> {
		const since = wallNow();
		await this.#becomes("everybody trades at the venue", async () => (await this.#takers(since)).length, 6);
		await this.#becomes("every target that answers is told by permits, the deaf is not", async () => {
			const { status } = await readDesk(this.#context.demo);
			return (status?.targets ?? []).filter(({ signalled }) => signalled === "Admit").map(({ name }) => name);
		}, ["bots", "strategies", "hanger"]);
		await this.#becomes("the hanger hangs", () => this.#answers("bot-hanger"), false);
		this.#hung = this.#floor.processes().find(({ app }) => app === "bot-hanger")?.pid;
	}

	/** To be called before each step, with what it leads to. */
	async begin(next: Phase): Promise<void> {
		this.#instance = (await this.#positions("bot-restarter"))?.instance;
		this.#stops = await stopsOf(this.#floor.venue, obedient);
		this.#begunAt = performance.now();
		if (next === "Reduce") await this.#sample();
	}

	/** One sample now, and others until what is told in Reduce has had its time. */
	async #sample(): Promise<void> {
		const { demo, signal } = this.#context;
		const end = this.#begunAt + 1_000 * (demo.plan.reduce?.overSeconds ?? 0) + SLACK_MILLISECONDS;
		const { venue } = this.#floor;
		const samples = [await heldOf(venue, obedient)];
		const goOn = async () => {
			while (performance.now() < end && !signal.aborted) {
				await new Promise((resolve) => setTimeout(resolve, SAMPLE_MILLISECONDS));
				const [held, stops] = await Promise.all([heldOf(venue, obedient), stopsOf(venue, obedient)]);
				samples.push(held);
				// What is flat needs no stop: the last one of each position counts.
				for (const [which, price] of stops) this.#lastStops.set(which, price);
			}
			return samples;
		};
		this.#sampled = goOn();
		// A failure is that of whoever asks for the samples.
		this.#sampled.catch(() => undefined);
	}

	/** To be called after each step, once it is confirmed. */
	async check(step: string, phase: Phase): Promise<void> {
		const confirmedAt = wallNow();
		switch (phase) {
			case "Pause":
				this.#haltedAt = confirmedAt;
				return this.#checkPause(step);
			case "Reduce":
				return this.#checkReduce(step);
			case "Emergency":
				return this.#checkEmergency(step);
			case "AfterEmergency":
				return this.#checkSilence(step);
			case "Normal":
				return this.awaitEverybody(step);
		}
	}

	/** Waits until every account trades from now on. */
	async awaitEverybody(step: string): Promise<void> {
		const since = wallNow();
		const takers = async () => (await this.#takers(since)).length;
		await this.#becomes(`${step}: everybody trades again`, takers, accounts.length);
	}

	async #checkPause(step: string): Promise<void> {
		const { checks } = this.#context;
		await wait(WATCH_MILLISECONDS, this.#context.signal);
		checks.same(
			`${step}: since it was confirmed the venue accepted no risk-taking order, but of the liar, whom it names`,
			await this.#takers(this.#haltedAt),
			[liar],
		);
		await this.#becomes(
			`${step}: the process of the deaf is gone`,
			async () => this.#isRunning("bot-deaf"),
			false,
		);
		await this.#becomes(
			`${step}: the process that hung is gone`,
			async () => this.#floor.processes().some(({ pid }) => pid !== undefined && pid === this.#hung),
			false,
		);
		const after = await this.#positions("bot-restarter");
		checks.same(
			`${step}: the restarter began anew, and came up paused`,
			{ anew: after !== undefined && after.instance !== this.#instance, open: after?.permissions.open },
			{ anew: true, open: false },
		);
	}

	async #checkReduce(step: string): Promise<void> {
		const { checks, demo } = this.#context;
		const seconds = demo.plan.reduce?.overSeconds ?? 0;
		const samples = await this.#sampled;
		const moved = [...this.#stops].flatMap(([which, before]) => {
			const last = this.#lastStops.get(which);
			return last === undefined ? [] : [Math.sign(last - before)];
		});
		checks.note(
			`${step}: stops are nearer to the price (${moved.length} of ${this.#stops.size} compared)`,
			moved.length > 0 && moved.every((nearer) => nearer > 0)
				? { good: true }
				: { good: false, expected: "each nearer than before", seen: JSON.stringify(moved) },
		);
		const verdict = fallsAlong(samples, { seconds, slackMilliseconds: SLACK_MILLISECONDS });
		const at = [0, 1, 2, 3].map((third) => samples[Math.floor((third / 3) * (samples.length - 1))]?.total);
		checks.note(
			`${step}: what is held falls to zero in ${seconds} s along the line (${at.join(", ")} units)`,
			verdict,
		);
		checks.same(`${step}: nobody but the liar took risk`, await this.#takers(this.#haltedAt), [liar]);
	}

	async #checkEmergency(step: string): Promise<void> {
		const { checks, recorder, demo } = this.#context;
		const { milliseconds, slackMilliseconds } = demo.plan.deadline;
		const told = recorder.pods
			.filter(({ name, toldAt }) => name.includes("bot-liar") && toldAt !== undefined)
			.map(({ toldAt = 0 }) => toldAt - this.#begunAt)
			.at(-1);
		const { riskTaking } = await this.#floor.venue.judge(liar, this.#haltedAt);
		checks.note(
			`${step}: the liar is stopped by the deadline, and named by the venue: ${riskTaking} risk-taking orders since the halt was confirmed`,
			told !== undefined && told <= milliseconds + slackMilliseconds && riskTaking > 0
				? { good: true }
				: {
						good: false,
						expected: `told to stop ${milliseconds} ms after Emergency, and some orders`,
						seen: `told after ${told} ms, ${riskTaking} orders`,
					},
		);
		await this.#becomes(
			`${step}: no process of a bot is left`,
			async () => accounts.filter((account) => this.#isRunning(`bot-${account}`)),
			[],
		);
		await this.#becomes(`${step}: every account is flat and has no resting order at the venue`, async () => {
			const answers = await Promise.all(accounts.map((account) => this.#floor.venue.judge(account, 0)));
			return answers
				.filter(({ positions, restingOrders }) => restingOrders > 0 || Object.keys(positions).length > 0)
				.map(({ account, positions, restingOrders }) => ({ account, positions, restingOrders }));
		}, []);
		await this.#checkSilence(step);
	}

	async #checkSilence(step: string): Promise<void> {
		const since = wallNow();
		await wait(SILENCE_MILLISECONDS, this.#context.signal);
		this.#context.checks.same(
			`${step}: nobody takes risk any more, not even the liar`,
			await this.#takers(since),
			[],
		);
	}

	/** The accounts of which the venue accepted an order that takes risk since then. */
	async #takers(since: number): Promise<readonly string[]> {
		const answers = await Promise.all(accounts.map((account) => this.#floor.venue.judge(account, since)));
		return answers.filter(({ riskTaking }) => riskTaking > 0).map(({ account }) => account);
	}

	#isRunning(app: string): boolean {
		return this.#floor.processes().some((process) => process.app === app && process.pid !== undefined);
	}

	async #answers(app: string): Promise<boolean> {
		return (await this.#positions(app)) !== undefined;
	}

	/** What a bot says itself; undefined when it does not answer. */
	async #positions(app: string): Promise<PositionsDocument | undefined> {
		const ports = this.#floor.processes().find((process) => process.app === app)?.ports;
		if (ports === undefined) return undefined;
		try {
			const signal = AbortSignal.timeout(500);
			return (await (
				await fetch(`http://127.0.0.1:${ports.main}/positions`, { signal })
			).json()) as PositionsDocument;
		} catch {
			// Being silent is an answer, too.
			return undefined;
		}
	}

	/** A check that may take its time. When it fails while the desk is opened there is nothing to go on with. */
	async #becomes(what: string, read: () => Promise<unknown>, expected: unknown): Promise<void> {
		const { demo, checks, signal } = this.#context;
		let seen: unknown;
		try {
			await waitFor(
				what,
				async () => {
					seen = await read();
					return JSON.stringify(seen) === JSON.stringify(expected);
				},
				{
					timeoutMilliseconds: demo.patienceMilliseconds,
					intervalMilliseconds: 50,
					assertPossible: () => signal.throwIfAborted(),
				},
			);
		} catch (error) {
			if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
		}
		if (!checks.same(what, seen, expected) && this.#haltedAt === 0) throw new DemoError("WalkStopped", what);
	}
}

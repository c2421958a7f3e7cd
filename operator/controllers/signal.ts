import { isDeepStrictEqual } from "node:util";
import { permitColumnOf } from "../../core/liquidator.ts";
import type { Signals } from "../../core/observed.ts";
import { restoreStep } from "../../core/restore.ts";
import { isTold } from "../../core/signals.ts";
import { targetStates } from "../../core/targets.ts";
import type { Resolve } from "../../gates/address.ts";
import { GateError } from "../../gates/error.ts";
import type { Message } from "../../gates/gate-call.ts";
import { messageFor, raiseFor } from "../../gates/messages.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { ackMilliseconds, judgeAnswers } from "../signals/judge.ts";
import { lifeOf, pauseBetweenTries, shortestLife } from "../signals/pace.ts";
import type { KeyReader } from "../signals/permit-keys.ts";
import { type Recipient, recipientsOf } from "../signals/recipients.ts";
import { readDesk } from "../stop-call.ts";

/** How often in the life of a permit it is renewed: one renewal may be lost. */
const renewals = 3;
/** How many permits of one desk may be on their way. */
const mostUnderWay = 64;
const permitMilliseconds = 1_000;
const readMilliseconds = 1_000;
/** Who claims to be another process again and again gets a permit at once no more often. */
const bornAgainMilliseconds = 250;
/** Answers within this time are judged together. */
const gatherMilliseconds = 10;

type Told = {
	recipients: ReadonlyMap<string, Recipient>;
	readonly hadSilent: Set<string>;
	/** The generation that was last pushed, and when. */
	pushed: { readonly uid: string; readonly generation: number; readonly at: number } | undefined;
	timer: NodeJS.Timeout | undefined;
	judging: NodeJS.Timeout | undefined;
	renewing: boolean;
	/** Whom to renew after the round under way. */
	next: "Nobody" | "Due" | "All";
	renewedAt: number;
	triedAt: number;
};

/**
 * What may each bot do? Every replica tells every pod of the targets that are told: a raise at once, from what the
 * watch showed, since it can only take away; permits again and again, each after a fresh read of the desk.
 */
export class Signaller implements Controller {
	readonly #context: Context;
	readonly #keys: Pick<KeyReader, "keys">;
	readonly #resolve: Resolve;
	readonly #onFinding: (desk: DeskState) => void;
	readonly #onSilent: (desk: DeskState, pod: string, problem: string | undefined) => void;
	readonly #desks = new Map<DeskState, Told>();
	#stopped = false;

	constructor(
		context: Context,
		keys: Pick<KeyReader, "keys">,
		resolve: Resolve,
		hooks: {
			/** What is known of the pods of a desk has changed. */
			readonly onFinding: (desk: DeskState) => void;
			/** A pod did not acknowledge in time. */
			readonly onSilent: (desk: DeskState, pod: string, problem: string | undefined) => void;
		},
	) {
		this.#context = context;
		this.#keys = keys;
		this.#resolve = resolve;
		this.#onFinding = hooks.onFinding;
		this.#onSilent = hooks.onSilent;
	}

	/** Tells the pods of a desk that moved, before anything else is done for it. */
	lookNow(desk: DeskState): void {
		const told = this.#gather(desk);
		if (told === undefined) return;
		const { uid, generation = 0 } = desk.object.metadata;
		if (told.pushed?.uid === uid && told.pushed.generation === generation) return;
		told.pushed = { uid, generation, at: performance.now() };
		this.#push(desk, told, [...told.recipients.values()]);
		this.#judge(desk, told);
		void this.#renew(desk, told, "All");
	}

	look(desk: DeskState): void {
		const told = this.#gather(desk);
		if (told === undefined) return;
		const isNew = [...told.recipients.values()].some((one) => one.sentAt === Number.NEGATIVE_INFINITY);
		if (isNew) void this.#renew(desk, told, "Due");
		this.#judgeSoon(desk, told);
		this.#schedule(desk, told);
	}

	/** Tells everybody anew: the keys have changed. */
	lookAtAll(): void {
		for (const [desk, told] of this.#desks) {
			this.#judge(desk, told);
			void this.#renew(desk, told, "All");
		}
	}

	forget(desk: DeskState): void {
		const told = this.#desks.get(desk);
		clearTimeout(told?.timer);
		clearTimeout(told?.judging);
		for (const { gate } of told?.recipients.values() ?? []) void gate.close();
		this.#desks.delete(desk);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		for (const desk of [...this.#desks.keys()]) this.forget(desk);
	}

	/** The pods to tell, as they are now; undefined where no target is told. */
	#gather(desk: DeskState): Told | undefined {
		if (this.#stopped || desk.isForgotten) return undefined;
		if (!targetStates(desk.object).some(isTold)) {
			desk.signals = undefined;
			this.forget(desk);
			return undefined;
		}
		const told: Told = this.#desks.get(desk) ?? {
			...{ recipients: new Map(), hadSilent: new Set(), pushed: undefined },
			...{ timer: undefined, judging: undefined, renewing: false, next: "Nobody" },
			...{ renewedAt: Number.NEGATIVE_INFINITY, triedAt: Number.NEGATIVE_INFINITY },
		};
		this.#desks.set(desk, told);
		told.recipients = recipientsOf(desk, told.recipients, this.#resolve);
		return told;
	}

	#signing() {
		return {
			keys: this.#keys.keys?.signing ?? [],
			sentAt: Date.parse(this.#context.clock.now()),
		};
	}

	/** The same words to every pod of a target, signed once. */
	#push(desk: DeskState, told: Told, recipients: readonly Recipient[]): void {
		told.triedAt = performance.now();
		const messages = new Map<string, Message | undefined>();
		for (const recipient of recipients) {
			const { target } = recipient;
			const { name } = target.spec;
			if (!messages.has(name)) messages.set(name, raiseFor(desk.object, target, this.#signing()));
			const message = messages.get(name);
			if (message === undefined) continue;
			const { generation = 0 } = desk.object.metadata;
			const { asked, goodAt = Number.NEGATIVE_INFINITY } = recipient;
			const isAsked = asked?.generation === generation && asked.at >= goodAt;
			if (!isAsked) recipient.asked = { generation, at: told.triedAt };
			void this.#send(desk, recipient, message, ackMilliseconds(target));
		}
	}

	async #send(desk: DeskState, recipient: Recipient, message: Message, milliseconds: number): Promise<void> {
		const { metrics, log } = this.#context;
		const { namespace } = desk;
		const facts = { namespace, pod: recipient.pod.name, origin: recipient.origin };
		const sentAt = performance.now();
		try {
			const answer = await recipient.gate.send(message, milliseconds);
			const at = performance.now();
			recipient.challenge = answer.challenge;
			const isBorn =
				recipient.answer?.of.instance !== answer.instance &&
				at - (recipient.bornAt ?? Number.NEGATIVE_INFINITY) > bornAgainMilliseconds;
			recipient.answer = { of: answer, at };
			if (isBorn) this.#welcome(desk, recipient, at);
			if (recipient.problem !== undefined) log.info(facts, "answers permits again");
			recipient.problem = undefined;
			metrics.permits.inc({ result: "answered" });
			metrics.permitSeconds.observe((at - sentAt) / 1000);
		} catch (err) {
			// Closed on purpose, with the pod or this process.
			if (this.#desks.get(desk)?.recipients.get(recipient.pod.uid) !== recipient) return;
			metrics.permits.inc({ result: "failed" });
			const problem = err instanceof GateError ? err.code : "NoAnswer";
			if (recipient.problem !== problem) log.warn({ ...facts, problem, err }, "does not answer a permit");
			recipient.problem = problem;
		}
		const told = this.#desks.get(desk);
		if (told !== undefined) this.#judgeSoon(desk, told);
	}

	/** A process that has no permit yet gets one now, not at the next turn of all. */
	#welcome(desk: DeskState, recipient: Recipient, at: number): void {
		recipient.bornAt = at;
		recipient.sentAt = Number.NEGATIVE_INFINITY;
		const told = this.#desks.get(desk);
		if (told !== undefined) void this.#renew(desk, told, "Due");
	}

	/** Reads the desk and then sends permits, one round after the other. */
	async #renew(desk: DeskState, told: Told, whom: "Due" | "All"): Promise<void> {
		if (told.next !== "All") told.next = whom;
		if (told.renewing) return;
		told.renewing = true;
		while (told.next !== "Nobody" && this.#desks.get(desk) === told) {
			const all = told.next === "All";
			told.next = "Nobody";
			told.renewedAt = performance.now();
			if (await this.#isRead(desk)) await this.#renewOnce(desk, told, all);
		}
		told.renewing = false;
		this.#schedule(desk, told);
	}

	async #isRead(desk: DeskState): Promise<boolean> {
		const begunAt = performance.now();
		try {
			const options = { priority: "emergency", deadlineMilliseconds: readMilliseconds } as const;
			desk.accept(await readDesk(this.#context.client, desk.namespace, options), begunAt);
			return true;
		} catch (err) {
			if (this.#stopped) return false;
			this.#context.metrics.errors.inc({ where: "permits" });
			this.#context.log.warn(
				{ namespace: desk.namespace, err },
				"could not read the desk: no permits are sent",
			);
			return false;
		}
	}

	async #renewOnce(desk: DeskState, told: Told, all: boolean): Promise<void> {
		if (desk.isForgotten || desk.isOrphan || desk.recovery !== undefined) return;
		// Where a pod is reached may be known without any event of the API server.
		if (this.#gather(desk) !== told) return;
		const { object } = desk;
		const isRestored = isRestoredIn(desk);
		const now = performance.now();
		const due = [...told.recipients.values()].filter(
			({ busy, sentAt, target }) => !busy && (all || now - sentAt >= lifeOf(target) / renewals - 1),
		);
		const renewOne = async (recipient: Recipient) => {
			const { challenge, pod, target } = recipient;
			// The desk moved since it was read: the next round tells what holds now.
			if (desk.object.metadata.generation !== object.metadata.generation) return;
			const column = permitColumnOf(object, target, pod, isRestored, this.#context.clock.now());
			const message = messageFor(object, target, column, this.#signing(), challenge);
			recipient.challenge = undefined;
			recipient.sentAt = performance.now();
			if (message === undefined) return;
			recipient.busy = true;
			await this.#send(desk, recipient, message, permitMilliseconds);
			recipient.busy = false;
			if (challenge !== undefined || recipient.challenge === undefined) return;
			// The first answer only brings a challenge: the permit that answers it wants a read after it.
			recipient.sentAt = Number.NEGATIVE_INFINITY;
			if (told.next === "Nobody") told.next = "Due";
		};
		const waiting = due.values();
		const worker = async () => {
			for (const recipient of waiting) await renewOne(recipient);
		};
		await Promise.all(Array.from({ length: Math.min(mostUnderWay, due.length) }, worker));
	}

	#judgeSoon(desk: DeskState, told: Told): void {
		told.judging ??= setTimeout(() => this.#judgeWhenRead(desk, told), gatherMilliseconds);
	}

	/** Nobody is silent whose answer waits in a socket because this process did not run: what has arrived is read first. */
	#judgeWhenRead(desk: DeskState, told: Told): void {
		setImmediate(() => {
			if (this.#desks.get(desk) === told) this.#judge(desk, told);
		});
	}

	/** Looks at what the answers come to, and says so when that has changed. */
	#judge(desk: DeskState, told: Told): void {
		clearTimeout(told.judging);
		told.judging = undefined;
		const { hadSilent, recipients } = told;
		const telling = { hadSilent, recipients, keys: this.#keys.keys };
		const signals = judgeAnswers(desk, telling, isRestoredIn(desk), this.#context.clock.now());
		if (isDeepStrictEqual(signals, desk.signals)) return;
		this.#nameSilent(desk, told, signals);
		desk.signals = signals;
		for (const { pod, target } of recipients.values()) {
			if (!signals.obeying.has(pod.uid)) desk.doubt(target.spec.name);
		}
		this.#onFinding(desk);
	}

	#nameSilent(desk: DeskState, { recipients }: Told, { silent }: Signals): void {
		for (const uid of silent) {
			if (desk.signals?.silent.has(uid) === true) continue;
			const { pod, problem } = recipients.get(uid) ?? {};
			this.#context.metrics.silentPods.inc({ namespace: desk.namespace });
			this.#context.log.error(
				{ namespace: desk.namespace, pod: pod?.name, problem },
				"did not acknowledge in time",
			);
			if (pod !== undefined) this.#onSilent(desk, pod.name, problem);
		}
	}

	/** One timer for each desk: for the next renewal, and in a halt for the next try with those that did not answer. */
	#schedule(desk: DeskState, told: Told): void {
		clearTimeout(told.timer);
		if (this.#desks.get(desk) !== told) return;
		const now = performance.now();
		const renewAt = told.renewedAt + shortestLife(desk) / renewals;
		const tryAt = told.triedAt + pauseBetweenTries(desk, told, now);
		const at = Math.max(now + 1, Math.min(renewAt, tryAt));
		told.timer = setTimeout(() => {
			if (performance.now() >= tryAt - 1) {
				const late = [...told.recipients.values()].filter(
					({ pod }) => desk.signals?.obeying.has(pod.uid) !== true,
				);
				this.#push(desk, told, late);
			}
			this.#judgeWhenRead(desk, told);
			if (performance.now() >= renewAt - 1) void this.#renew(desk, told, "Due");
			else this.#schedule(desk, told);
		}, at - now);
	}
}

/** Asked without what pods acknowledged: what waits for acknowledgements must not decide what is asked for. */
function isRestoredIn(desk: DeskState): boolean {
	if (!desk.viewSynced) return false;
	const targets = targetStates(desk.object).map((state) => state.spec.name);
	return restoreStep(desk.object, desk.view.observed(), new Set(targets)).done;
}

import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import { columns } from "../../crds/vocabulary.ts";
import { isWithin } from "../../permits/acknowledgement.ts";
import { join, type Permissions, permissionsOf } from "../../permits/permissions.ts";
import type { Permit } from "../../permits/permit.ts";
import { permitOf, TestGate } from "./desk.ts";

type Message = ReturnType<TestGate["message"]>;

type Step =
	| { readonly kind: "Wait"; readonly milliseconds: number }
	| {
			readonly kind: "Send";
			readonly permit: Permit;
			readonly answers: boolean;
			readonly signer: "permit" | "raise";
	  }
	/** Something that was sent before. */
	| { readonly kind: "Replay"; readonly index: number };

const step: fc.Arbitrary<Step> = fc.oneof(
	fc.record({ kind: fc.constant("Wait" as const), milliseconds: fc.integer({ min: 0, max: 6_000 }) }),
	fc.record({
		kind: fc.constant("Send" as const),
		permit: fc
			.record({
				mode: fc.constantFrom(...columns, "Normal" as const, "Normal" as const),
				generation: fc.integer({ min: 1, max: 5 }),
				uid: fc.constantFrom("desk-uid", "desk-uid", "desk-uid", "another"),
				kind: fc.constantFrom("Permit" as const, "Permit" as const, "Raise" as const),
				ttlMilliseconds: fc.integer({ min: 1, max: 5_000 }),
			})
			.map((rest) => permitOf(rest)),
		answers: fc.boolean(),
		signer: fc.constantFrom("permit" as const, "permit" as const, "raise" as const),
	}),
	fc.record({ kind: fc.constant("Replay" as const), index: fc.nat(20) }),
);

test("whatever comes in whatever order, a gate is open only by a live answer that nothing later took back", (t) => {
	fc.assert(
		fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
			// Given a gate, and what a witness beside it knows of what was sent
			const bot = new TestGate();
			let challenge: { readonly text: string; readonly at: number } | undefined;
			const sent: ReturnType<TestGate["message"]>[] = [];
			/** The last answer to a challenge that was for Normal, and since when nothing spoke against it. */
			let live: { readonly until: number; readonly generation: number; readonly uid: string } | undefined;
			let uid: string | undefined;
			let raisedAt = -1;
			let newest = 0;
			for (const each of steps) {
				// When time passes, something is sent, or sent again
				if (each.kind === "Wait") bot.pass(each.milliseconds);
				if (each.kind === "Replay") {
					const message = sent[each.index];
					if (message !== undefined) {
						const { permissions } = JSON.parse(message.body) as Permit;
						bot.receive(message);
						if (!permissions.open) live = undefined;
					}
				}
				if (each.kind === "Send") {
					const answering = each.answers ? challenge : undefined;
					const message = bot.message(
						{ ...each.permit, ...(answering && { challenge: answering.text }) },
						each.signer,
					);
					sent.push(message);
					const answer = bot.receive(message);
					const { desk, permissions, kind, ttlMilliseconds } = each.permit;
					const isRaise = kind === "Raise" || each.signer === "raise";
					const mayGive =
						answering !== undefined &&
						!isRaise &&
						(uid ?? desk.uid) === desk.uid &&
						desk.generation >= newest;
					if (mayGive) {
						uid = desk.uid;
						newest = desk.generation;
						live = permissions.open
							? { until: answering.at + ttlMilliseconds, generation: desk.generation, uid: desk.uid }
							: undefined;
					} else if (!permissions.open) {
						live = isRaise ? live : undefined;
						if (!isRaise && uid === desk.uid) newest = Math.max(newest, desk.generation);
					} else if (!isRaise && uid === desk.uid) newest = Math.max(newest, desk.generation);
					if (isRaise && !permissions.open) raisedAt = Math.max(raisedAt, newest, desk.generation);
					challenge = { text: answer.challenge, at: bot.now };
				}
				// Then it is open only where the witness allows it
				if (bot.gate.mayOpen()) {
					const allowed = live !== undefined && bot.now < live.until && live.generation > raisedAt;
					if (!allowed) return false;
				}
				// Then what it says of itself is the same
				if (bot.gate.mayOpen() !== bot.gate.permissions().open) return false;
			}
			return true;
		}),
		{ numRuns: 2_000 },
	);
	t.pass();
});

/** What was taken in, as the rules say it, known without asking the gate. */
type Taken = { readonly permissions: Permissions; readonly generation: number };

/** The widest that a gate may allow: what was granted last, everything that took away since, and every raise that stands. */
class Bound {
	#uid: string | undefined;
	#newest = 0;
	#granted: (Taken & { readonly until: number }) | undefined;
	#since: Taken[] = [];
	#raises: Taken[] = [];

	take({ kind, desk, permissions, ttlMilliseconds }: Permit, signer: string, challengedAt?: number): void {
		const { uid, generation } = desk;
		const isOurs = (this.#uid ?? uid) === uid;
		if (kind === "Raise" || signer === "raise") {
			this.#raises.push({ permissions, generation: Math.max(generation, this.#newest) });
		} else if (challengedAt !== undefined && isOurs && generation >= this.#newest) {
			this.#uid = uid;
			this.#newest = generation;
			this.#granted = { permissions, generation, until: challengedAt + ttlMilliseconds };
			this.#since = [];
			this.#raises = this.#raises.filter((raise) => raise.generation >= generation);
		} else {
			if (this.#uid === uid) this.#newest = Math.max(this.#newest, generation);
			this.#since.push({ permissions, generation });
		}
	}

	at(now: number): Permissions {
		const pause = permissionsOf("Pause");
		const granted = this.#granted?.permissions ?? pause;
		const live = now < (this.#granted?.until ?? 0) ? granted : join(granted, pause);
		return [...this.#since, ...this.#raises].map((taken) => taken.permissions).reduce(join, live);
	}
}

test("whatever comes in whatever order, no permission is wider than all that was said allows", (t) => {
	fc.assert(
		fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
			// Given a gate, and the widest that it may allow
			const bot = new TestGate();
			const bound = new Bound();
			let challenge: { readonly text: string; readonly at: number } | undefined;
			const sent: { readonly each: Step & { readonly kind: "Send" }; readonly message: Message }[] = [];
			for (const each of steps) {
				// When time passes, something is sent, or sent again
				if (each.kind === "Wait") bot.pass(each.milliseconds);
				if (each.kind === "Replay") {
					const again = sent[each.index];
					if (again !== undefined) {
						bot.receive(again.message);
						bound.take(again.each.permit, again.each.signer);
					}
				}
				if (each.kind === "Send") {
					const answering = each.answers ? challenge : undefined;
					const permit = { ...each.permit, ...(answering && { challenge: answering.text }) };
					const message = bot.message(permit, each.signer);
					sent.push({ each, message });
					const answer = bot.receive(message);
					bound.take(each.permit, each.signer, answering?.at);
					challenge = { text: answer.challenge, at: bot.now };
					// Then its answer is what it does
					if (!isDeepStrictEqual(answer.permissions, bot.gate.permissions())) return false;
				}
				// Then each permission is within what all of that allows
				if (!isWithin(bot.gate.permissions(), bound.at(bot.now))) return false;
			}
			return true;
		}),
		{ numRuns: 2_000 },
	);
	t.pass();
});

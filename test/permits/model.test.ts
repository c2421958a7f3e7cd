import test from "ava";
import fc from "fast-check";
import { columns } from "../../crds/vocabulary.ts";
import type { Permit } from "../../permits/permit.ts";
import { permitOf, TestGate } from "./desk.ts";

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

import test from "ava";
import fc from "fast-check";
import type { Entry } from "../../../audit/entry.ts";
import { isAuditError } from "../../../audit/error.ts";
import { keyHint, spkiOf } from "../../../audit/format/keys.ts";
import { keyAdded, keyRevoked, type OfferedKey, offerKey } from "../../../audit/key-entries.ts";
import {
	graceMilliseconds,
	initialKeys,
	isPastEnd,
	type KeyRing,
	keyProblem,
	keysAt,
	withEntry,
} from "../../../audit/log/key-ring.ts";
import { entryOf, origin, signerFor } from "../entries.ts";

const asking = { actor: { name: "ann" }, justification: "rotation" };
const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const timeAt = (milliseconds: number) => new Date(start + milliseconds).toISOString();

const first = signerFor("Entries");
const others = Array.from({ length: 3 }, () => signerFor("Entries"));
const hints = [first, ...others].map(({ publicKey }) => keyHint(publicKey));
/** Each key offered without an end, and with one after two days. */
const offers = await Promise.all(
	others.map(async (signer) => [
		await offerKey(signer, origin),
		await offerKey(signer, origin, timeAt(2 * day)),
	]),
);

type Step =
	| { readonly kind: "Add"; readonly which: number; readonly ends: boolean }
	| { readonly kind: "Revoke"; readonly which: number; readonly from: number | undefined }
	| { readonly kind: "Other" };
type Timed = { readonly step: Step; readonly day: number };

const steps = fc.array(
	fc.record<Timed>({
		step: fc.oneof(
			fc.record({ kind: fc.constant("Add" as const), which: fc.nat(2), ends: fc.boolean() }),
			fc.record({
				kind: fc.constant("Revoke" as const),
				which: fc.nat(3),
				from: fc.option(fc.nat(40), { nil: undefined }),
			}),
			fc.constant({ kind: "Other" as const }),
		),
		// Clocks of writers differ, and entries come late.
		day: fc.nat(20),
	}),
	{ maxLength: 30 },
);

function entryFor({ step, day: at }: Timed, counter: number): Entry {
	const time = { ...entryOf(counter).time, wall: timeAt(at * day).replace("Z", "000Z") };
	switch (step.kind) {
		case "Add":
			return entryOf(counter, {
				...keyAdded(offers[step.which]?.[step.ends ? 1 : 0] as OfferedKey, asking),
				time,
			});
		case "Revoke":
			return entryOf(counter, { ...keyRevoked(hints[step.which] ?? "", asking, step.from), time });
		case "Other":
			return entryOf(counter, { time });
	}
}

/** The rings after each entry; what cannot be one leaves it as it was. */
function play(timed: readonly Timed[]): readonly KeyRing[] {
	const rings = [initialKeys([first.publicKey])];
	for (const [index, one] of timed.entries()) {
		const ring = rings.at(-1) as KeyRing;
		try {
			rings.push(withEntry(ring, entryFor(one, index), index));
		} catch (error) {
			if (!isAuditError(error, "ENTRY")) throw error;
			rings.push(ring);
		}
	}
	return rings;
}

test("a key that may not sign any more never may again, whatever entries say", (t) => {
	fc.assert(
		fc.property(steps, (timed) => {
			const rings = play(timed);
			for (const hint of hints) {
				const problems = rings.map((ring, index) => keyProblem(ring, hint, index));
				const over = problems.findIndex((problem) => problem === "Revoked" || problem === "Expired");
				if (over >= 0 && problems.slice(over).includes(undefined)) return false;
			}
			return true;
		}),
	);
	t.pass();
});

test("a key signs from behind the entry that adds it, and no entry changes what was said of an earlier index but by revoking", (t) => {
	fc.assert(
		fc.property(steps, (timed) => {
			const rings = play(timed);
			for (const [index, { step }] of timed.entries()) {
				const [before, after] = [rings[index] as KeyRing, rings[index + 1] as KeyRing];
				for (const hint of hints) {
					for (let earlier = 0; earlier <= index; earlier += 1) {
						const [was, is] = [keyProblem(before, hint, earlier), keyProblem(after, hint, earlier)];
						const isRevoked = is === "Revoked" && step.kind === "Revoke" && hints[step.which] === hint;
						const isTold = was === "Unknown" && is === "TooEarly";
						if (was !== is && !isRevoked && !isTold) return false;
					}
				}
			}
			return true;
		}),
	);
	t.pass();
});

test("the ring says the same as somebody who reads all entries at once", (t) => {
	fc.assert(
		fc.property(steps, (timed) => {
			const ring = play(timed).at(-1) as KeyRing;
			for (const [at, hint] of hints.entries()) {
				const added =
					at === 0 ? -1 : timed.findIndex(({ step }) => step.kind === "Add" && step.which === at - 1);
				if (at > 0 && added < 0) {
					if (keyProblem(ring, hint, 99) !== "Unknown") return false;
					continue;
				}
				const step = timed[added]?.step;
				const ends = step?.kind === "Add" && step.ends;
				const until = Math.min(
					...timed.flatMap(({ step: one }, index) =>
						one.kind === "Revoke" && one.which === at && index > added ? [one.from ?? index + 1] : [],
					),
				);
				// Revoking a key that is not there is no entry of this log.
				const isEntry = ({ step: one }: Timed, index: number) =>
					one.kind !== "Revoke" ||
					one.which === 0 ||
					timed
						.slice(0, index)
						.some(({ step: other }) => other.kind === "Add" && other.which === one.which - 1);
				const late = timed.findIndex(
					(one, index) =>
						ends && index > added && isEntry(one, index) && one.day * day > 2 * day + graceMilliseconds,
				);
				for (let index = 0; index < 45; index += 1) {
					const wanted =
						index < added + 1
							? "TooEarly"
							: index >= until
								? "Revoked"
								: late >= 0 && index > late
									? "Expired"
									: undefined;
					if (keyProblem(ring, hint, index) !== wanted) return false;
				}
				if (isPastEnd(ring, hint, timeAt(2 * day + 1)) !== ends) return false;
				if (isPastEnd(ring, hint, timeAt(2 * day))) return false;
			}
			return keysAt(ring, 99).every((hint) => keyProblem(ring, hint, 99) === undefined);
		}),
		{ numRuns: 300 },
	);
	t.pass();
});

test("a key is added only by whoever has its private half, for this log, with the end that it was offered with", async (t) => {
	const ring = initialKeys([first.publicKey]);
	const [offered] = offers[0] as readonly OfferedKey[];
	const good = entryOf(0, keyAdded(offered as OfferedKey, asking));
	t.is(keyProblem(withEntry(ring, good, 0), hints[1] ?? "", 1), undefined);
	const theirs = await offerKey(others[1] as typeof first, origin);
	const stranger = await offerKey(others[0] as typeof first, "other.example");
	const wrong: Readonly<Record<string, Partial<Entry>>> = {
		"no proof": { metadata: { publicKey: offered?.publicKey ?? "" } },
		"the proof of another key": { metadata: { publicKey: offered?.publicKey ?? "", proof: theirs.proof } },
		"an offer to another log": { metadata: { publicKey: stranger.publicKey, proof: stranger.proof } },
		"an end that nobody offered": { metadata: { ...good.metadata, notAfter: timeAt(day) } },
		"the name of another key": { entity: { type: "Key", id: hints[2] ?? "" } },
		"a key that is none": { metadata: { publicKey: "AAAA", proof: "AAAA" } },
		"a key for checkpoints": {
			metadata: { publicKey: spkiOf(signerFor("Checkpoints").publicKey).toString("base64"), proof: "AAAA" },
		},
	};
	for (const [what, rest] of Object.entries(wrong)) {
		t.true(
			isAuditError(
				t.throws(() => withEntry(ring, { ...good, ...rest }, 0), undefined, what),
				"ENTRY",
			),
			what,
		);
	}
	// A key that was revoked does not come back by being offered again
	const revoked = withEntry(
		withEntry(ring, good, 0),
		entryOf(1, keyRevoked(hints[1] ?? "", asking, undefined)),
		1,
	);
	t.is(keyProblem(withEntry(revoked, good, 2), hints[1] ?? "", 3), "Revoked");
	for (const fromIndex of ["-1", "1.5", "x", ""]) {
		const bad = entryOf(1, {
			kind: "KeyRevoked",
			entity: { type: "Key", id: hints[0] ?? "" },
			metadata: { fromIndex },
		});
		t.true(
			isAuditError(
				t.throws(() => withEntry(ring, bad, 1)),
				"ENTRY",
			),
			fromIndex,
		);
	}
});

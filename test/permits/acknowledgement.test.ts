import test from "ava";
import fc from "fast-check";
import { type Acknowledgement, decodeAcknowledgement } from "../../permits/acknowledgement.ts";
import { PermitError } from "../../permits/error.ts";
import { amendments, reductions } from "../../permits/permissions.ts";

const answer: Acknowledgement = {
	applied: "Tightened",
	epoch: { uid: "u", generation: 3 },
	permissions: { open: false, reduce: "none", amendStops: "tighten" },
	challenge: "c",
	instance: "i",
};

/** What is thrown for an answer that differs in one field; undefined: it was read. */
function refusal(value: unknown): string | undefined {
	try {
		decodeAcknowledgement(typeof value === "string" ? value : JSON.stringify(value));
		return undefined;
	} catch (error) {
		if (error instanceof PermitError && error.code === "MALFORMED") return error.message;
		throw error;
	}
}

test("every answer that a gate can give is read as it was written", (t) => {
	const text = fc.string({ maxLength: 1_024 });
	const answers = fc.record({
		applied: fc.constantFrom("Granted", "Tightened"),
		epoch: fc.record({ uid: text, generation: fc.nat() }),
		permissions: fc.record({
			open: fc.boolean(),
			reduce: fc.constantFrom(...reductions),
			amendStops: fc.constantFrom(...amendments),
		}),
		challenge: text,
		instance: text,
	});
	fc.assert(
		fc.property(answers, fc.string(), (written, more) => {
			// Given an answer of any kind, with a field of a later version; then exactly what is known is read
			t.deepEqual(
				decodeAcknowledgement(JSON.stringify({ later: more, ...written })),
				written as Acknowledgement,
			);
		}),
	);
});

test("whatever arrives, it is an answer or named as none, and nothing else is thrown", (t) => {
	fc.assert(fc.property(fc.json(), (body) => t.not(refusal(body), "")));
	t.regex(refusal("{") ?? "", /not JSON/);
	t.regex(refusal("[]") ?? "", /not an answer: \/ must be object/);
	const wrong: readonly (readonly [string, object])[] = [
		["/applied", { applied: "granted" }],
		["/epoch", { epoch: null }],
		["/epoch/uid", { epoch: { generation: 3 } }],
		["/epoch/uid", { epoch: { uid: "u".repeat(1_025), generation: 3 } }],
		["/epoch/generation", { epoch: { uid: "u", generation: -1 } }],
		["/epoch/generation", { epoch: { uid: "u", generation: 1.5 } }],
		["/epoch/generation", { epoch: { uid: "u", generation: "3" } }],
		["/permissions", { permissions: [] }],
		["/permissions/open", { permissions: { ...answer.permissions, open: 0 } }],
		["/permissions/reduce", { permissions: { ...answer.permissions, reduce: "all" } }],
		["/permissions/amendStops", { permissions: { open: true, reduce: "free" } }],
		["/challenge", { challenge: undefined }],
		["/instance", { instance: 7 }],
	];
	t.is(refusal(answer), undefined);
	for (const [path, change] of wrong) {
		t.true(refusal({ ...answer, ...change })?.startsWith(`not an answer: ${path} must be`), path);
	}
});

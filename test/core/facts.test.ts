import test from "ava";
import { isProven, leastProof } from "../../core/facts.ts";

const proof = (generation: number, at: string, uid = "u") => ({ generation, uid, at });
const desk = { uid: "u", generation: 5 };

test("the fence is proven where every API server denies by the present version", (t) => {
	// Given two API servers that both do, when they are taken together
	const least = leastProof([proof(6, "09:01"), proof(5, "09:02")], "u");
	// Then it is as proven as at the one that is behind, and as old as the older proof
	t.deepEqual(least, proof(5, "09:01"));
	t.true(isProven(least, desk));
});

for (const [what, behind] of [
	["judges by an older version", proof(4, "09:00")],
	["judges by another desk of that name", proof(9, "09:00", "other")],
	["does not answer", { error: "API server B: no answer" }],
	["was not asked yet", { error: "not tried yet" }],
] as const) {
	test(`the fence is not proven while one API server ${what}`, (t) => {
		// Given one API server that denies by the present version and one that does not
		for (const findings of [[proof(5, "09:00"), behind] as const, [behind, proof(5, "09:00")] as const]) {
			// When they are taken together, then it is what the second one says
			const least = leastProof(findings, "u");
			t.deepEqual(least, behind);
			t.false(isProven(least, desk));
		}
	});
}

test("without an API server nothing is proven", (t) => {
	// Given no findings, when they are taken together, then there is no proof
	t.false(isProven(leastProof([], "u"), desk));
});

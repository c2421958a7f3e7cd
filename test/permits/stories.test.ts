import { readFileSync } from "node:fs";
import test from "ava";
import { permitVectors, type Vectors } from "../../clients/stories.ts";
import { isPermitError } from "../../permits/error.ts";
import { Gate } from "../../permits/gate.ts";
import { readPublicKey } from "../../permits/keys.ts";
import type { Duties, Permit } from "../../permits/permit.ts";
import { positionsOf } from "../../permits/positions.ts";

const path = new URL("../../clients/generated/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8")) as Vectors;

test("the vectors that clients have are those of the source", (t) => {
	t.deepEqual(vectors, JSON.parse(JSON.stringify(permitVectors())));
	t.true(vectors.scenarios.length >= 20);
});

type Told = { readonly duties: Duties; readonly limits?: Permit["limits"] };

/** A gate whose clocks stand where the story says. `take` sets them, and begins a new list of what it is told. */
function teller() {
	const keys = {
		permit: vectors.keys.permit.map(readPublicKey),
		raise: vectors.keys.raise.map(readPublicKey),
	};
	let time = { now: 0, wallNow: 0 };
	let told: Told[] = [];
	let answers = 0;
	const gate = new Gate({
		keys: () => keys,
		onDuties: (duties, { limits }) => told.push({ duties, ...(limits && { limits }) }),
		now: () => time.now,
		wallNow: () => time.wallNow,
		makeChallenge: () => {
			answers += 1;
			return `challenge-${answers}`;
		},
	});
	const take = (to: typeof time) => {
		time = to;
		told = [];
		return told;
	};
	return { gate, take };
}

test("positions are told as the vectors say, and as the page on them does", (t) => {
	// Given a gate that was granted a permit
	const { gate, take } = teller();
	let instance = "";
	for (const { now, wallNow, message } of vectors.scenarios[0]?.steps.slice(0, 2) ?? []) {
		take({ now, wallNow });
		if (message !== undefined) instance = gate.receive(message.body, message.headers).instance;
	}
	// When it is asked for positions, then the answer is that of the vectors
	const { book, expect } = vectors.positions;
	t.deepEqual(JSON.parse(JSON.stringify(positionsOf(gate, book))), { ...expect, instance });
	// And the example of the page is that answer
	const page = readFileSync(new URL("../../docs/positions.md", import.meta.url), "utf8");
	const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "{}");
	t.deepEqual(example, { ...expect, instance: "3q2-7wAAAAAA" });
	// And the page names every field
	const fields = [
		...Object.keys(example),
		...Object.keys(expect.positions[0] ?? {}).map((name) => `positions[].${name}`),
	];
	for (const field of fields) t.true(page.includes(`| \`${field}\` |`), field);
});

for (const { name, steps } of vectors.scenarios) {
	test(`vectors: ${name}`, (t) => {
		// Given a gate that knows the keys of the vectors
		const { gate, take } = teller();
		for (const [index, { now, wallNow, message, expect }] of steps.entries()) {
			// When each step is taken
			const told = take({ now, wallNow });
			const which = `step ${index}`;
			if (message !== undefined && expect.error !== undefined) {
				const error = t.throws(() => gate.receive(message.body, message.headers), undefined, which);
				t.true(isPermitError(error, expect.error), which);
			} else if (message !== undefined) {
				const { applied, epoch, permissions } = gate.receive(message.body, message.headers);
				t.deepEqual(
					{ applied, epoch, permissions },
					{ applied: expect.applied, epoch: expect.epoch, permissions: expect.permissions },
					which,
				);
			}
			// Then it is as the story says
			const { duties, limits } = expect;
			t.deepEqual(told, duties === undefined ? [] : [{ duties, ...(limits && { limits }) }], which);
			t.deepEqual(gate.permissions(), expect.permissions, which);
			t.is(gate.mayOpen(), expect.permissions.open, which);
		}
	});
}

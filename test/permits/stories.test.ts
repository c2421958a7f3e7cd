import { readFileSync } from "node:fs";
import test from "ava";
import { permitVectors, type Vectors } from "../../clients/stories.ts";
import { isPermitError } from "../../permits/error.ts";
import { Gate } from "../../permits/gate.ts";
import { readPublicKey } from "../../permits/keys.ts";
import type { Duties } from "../../permits/permit.ts";

const path = new URL("../../clients/generated/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8")) as Vectors;

test("the vectors that clients have are those of the source", (t) => {
	t.deepEqual(vectors, JSON.parse(JSON.stringify(permitVectors())));
	t.true(vectors.scenarios.length >= 14);
});

for (const { name, steps } of vectors.scenarios) {
	test(`vectors: ${name}`, (t) => {
		// Given a gate that knows the keys of the vectors
		const keys = {
			permit: vectors.keys.permit.map(readPublicKey),
			raise: vectors.keys.raise.map(readPublicKey),
		};
		let time = { now: 0, wallNow: 0 };
		let told: Duties[] = [];
		let answers = 0;
		const gate = new Gate({
			keys: () => keys,
			onDuties: (duties) => told.push(duties),
			now: () => time.now,
			wallNow: () => time.wallNow,
			makeChallenge: () => {
				answers += 1;
				return `challenge-${answers}`;
			},
		});
		for (const [index, { now, wallNow, message, expect }] of steps.entries()) {
			// When each step is taken
			time = { now, wallNow };
			told = [];
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
			t.deepEqual(told, expect.duties === undefined ? [] : [expect.duties], which);
			t.deepEqual(gate.permissions(), expect.permissions, which);
			t.is(gate.mayOpen(), expect.permissions.open, which);
		}
	});
}

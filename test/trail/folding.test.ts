import test from "ava";
import fc from "fast-check";
import type { Happening } from "../../audit/recorder.ts";
import { Folding } from "../../trail/folding.ts";

const attempt = (name: string): Happening => ({
	...{ kind: "Denied", action: "create", actor: { name: "robot" } },
	...{ entity: { type: "Pod", id: name }, metadata: { code: "403" } },
});
const countOf = ({ metadata }: Happening) => Number(metadata?.repeated ?? 1);

test("a storm is one entry at once, then one a minute with the number and the last of them", (t) => {
	let now = 0;
	const folding = new Folding(() => now);
	t.deepEqual(folding.add("a", attempt("0")), attempt("0"));
	for (let at = 1; at < 200; at += 1) t.is(folding.add("a", attempt(`${at}`)), undefined);
	now = 59_999;
	t.deepEqual(folding.due(), []);
	now = 60_000;
	const [counted, ...more] = folding.due();
	t.like(counted, { entity: { id: "199" }, metadata: { code: "403", repeated: "199" } });
	t.deepEqual(more, []);
	// What comes after it waits for the next minute, and after a quiet one the next is a first one again
	t.is(folding.add("a", attempt("200")), undefined);
	now = 120_000;
	t.like(folding.due()[0], { metadata: { repeated: "1" } });
	now = 180_000;
	t.deepEqual(folding.due(), []);
	t.deepEqual(folding.add("a", attempt("201")), attempt("201"));
});

test("whatever comes, each attempt is recorded or counted once, and no kind more than twice a minute", (t) => {
	const step = fc.record({ key: fc.nat(5), wait: fc.nat(40_000) });
	fc.assert(
		fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
			let now = 0;
			const folding = new Folding(() => now);
			const recorded: { readonly at: number; readonly key: string; readonly happening: Happening }[] = [];
			const note = (happening: Happening) => recorded.push({ at: now, key: happening.entity.id, happening });
			for (const { key, wait } of steps) {
				now += wait;
				const first = folding.add(`${key}`, attempt(`${key}`));
				if (first !== undefined) note(first);
				for (const happening of folding.due()) note(happening);
			}
			for (const happening of folding.due(true)) note(happening);
			t.is(
				recorded.map(({ happening }) => countOf(happening)).reduce((sum, one) => sum + one, 0),
				steps.length,
			);
			for (const { at, key } of recorded) {
				const within = recorded.filter((one) => one.key === key && one.at >= at && one.at < at + 60_000);
				// The last one is that of the end.
				t.true(within.length <= 2);
			}
		}),
	);
});

test("more kinds at once than are known are counted together, and take no more memory", (t) => {
	let now = 0;
	const folding = new Folding(() => now);
	const recorded: Happening[] = [];
	for (let at = 0; at < 5_000; at += 1) {
		const first = folding.add(`user ${at}`, attempt(`${at}`));
		if (first !== undefined) recorded.push(first);
	}
	t.is(recorded.length, 1_001);
	now = 60_000;
	const due = folding.due();
	t.is(due.length, 1);
	t.is(due[0]?.metadata?.repeated, "3999");
	t.regex(due[0]?.metadata?.note ?? "", /more than 1000 kinds at once/);
	t.is(recorded.length + countOf(due[0] as Happening), 5_000);
});

import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { type PassFailure, type PassResult, WorkQueue } from "../../kube/work-queue.ts";
import { until } from "../support/until.ts";

/** A pass under way, which the test ends. */
type Pass = {
	readonly key: string;
	readonly signal: AbortSignal;
	readonly finish: (result?: PassResult) => void;
	readonly fail: (error: unknown) => void;
};

const never = { baseMilliseconds: 3_600_000, factor: 1, capMilliseconds: 3_600_000 };
const soon = { baseMilliseconds: 1, factor: 2, capMilliseconds: 8 };

function startQueue(t: ExecutionContext, options: { concurrency?: number; backoff?: typeof never } = {}) {
	const passes: Pass[] = [];
	const failures: PassFailure[] = [];
	const queue = new WorkQueue({
		name: "test",
		concurrency: options.concurrency ?? 4,
		backoff: options.backoff ?? never,
		pass: (key, signal) => {
			const { promise, resolve, reject } = Promise.withResolvers<PassResult>();
			passes.push({ key, signal, finish: (result) => resolve(result), fail: reject });
			return promise;
		},
		onError: (failure) => failures.push(failure),
	});
	t.teardown(() => queue.stop({ deadlineMilliseconds: 1 }));
	const pass = (index: number) => until(`pass ${index}`, () => passes[index]);
	return { queue, passes, failures, pass };
}

test("adds during a pass make exactly one more", async (t) => {
	// Given a pass under way.
	const { queue, passes, pass } = startQueue(t);
	queue.add("a");
	const first = await pass(0);
	// When the key is added three times and the pass ends.
	queue.add("a");
	queue.add("a");
	queue.add("a");
	t.is(passes.length, 1);
	first.finish();
	(await pass(1)).finish();
	// Then there was one more, and the next key added is the third pass.
	queue.add("b");
	t.is((await pass(2)).key, "b");
});

test("no more keys run at once than the bound allows", async (t) => {
	// Given a bound of two and three keys.
	const { queue, passes, pass } = startQueue(t, { concurrency: 2 });
	for (const key of ["a", "b", "c"]) queue.add(key);
	await pass(1);
	// When one of two ends, then the third begins.
	t.deepEqual(queue.depth, { ready: 1, running: 2 });
	t.is(passes.length, 2);
	passes[0]?.finish();
	t.is((await pass(2)).key, "c");
});

test("a pass that fails is repeated with growing pauses, and success starts them anew", async (t) => {
	// Given a pass that fails three times, then succeeds, then fails.
	const { queue, failures, pass } = startQueue(t, { backoff: soon });
	queue.add("a");
	for (let i = 0; i < 3; i += 1) (await pass(i)).fail(new Error(`failure ${i}`));
	(await pass(3)).finish();
	queue.add("a");
	(await pass(4)).fail(new Error("failure 4"));
	await until("all failures are told", () => failures.length === 4);
	// Then the pauses were of their steps, half to whole, and the count began anew.
	t.deepEqual(
		failures.map(({ failures }) => failures),
		[1, 2, 3, 1],
	);
	for (const [index, step] of [1, 2, 4, 1].entries()) {
		const pause = failures[index]?.retryInMilliseconds ?? 0;
		t.true(pause >= step / 2 && pause <= step, `pause ${index}: ${pause}`);
	}
	(await pass(5)).finish();
});

test("add() runs a key at once that is backing off", async (t) => {
	// Given a key that failed and would wait an hour.
	const { queue, failures, pass } = startQueue(t);
	queue.add("a");
	(await pass(0)).fail(new Error("no"));
	await until("the failure is told", () => failures.length === 1);
	// When it is added, then it runs.
	queue.add("a");
	t.is((await pass(1)).key, "a");
});

test("a pass may ask to be run again after a time", async (t) => {
	// Given a pass that asks for it, when it ends, then it runs again.
	const { queue, pass, failures } = startQueue(t);
	queue.add("a");
	(await pass(0)).finish({ requeueAfterMilliseconds: 5 });
	(await pass(1)).finish();
	t.deepEqual(failures, []);
});

test("addAfter() gathers many calls into one pass, also during a pass", async (t) => {
	// Given a pass under way.
	const { queue, passes, pass } = startQueue(t);
	queue.add("a");
	const first = await pass(0);
	// When wake-ups are gathered before and after its end.
	queue.addAfter("a", 20);
	queue.addAfter("a", 0);
	first.finish();
	queue.addAfter("a", 0);
	// Then one more follows, and the next key added is the third pass.
	(await pass(1)).finish();
	queue.add("b");
	t.is((await pass(2)).key, "b");
	t.is(passes.length, 3);
});

test("interrupt() ends the running pass and runs the key before all others", async (t) => {
	// Given one place, a pass under way and another key waiting.
	const { queue, failures, pass } = startQueue(t, { concurrency: 1 });
	queue.add("a");
	queue.add("b");
	const first = await pass(0);
	first.signal.addEventListener("abort", () => first.fail(first.signal.reason));
	// When the running key is interrupted.
	queue.interrupt("a");
	// Then it runs again at once, first, and that was no failure to wait for.
	const second = await pass(1);
	t.is(second.key, "a");
	t.false(second.signal.aborted);
	t.like(failures, { 0: { interrupted: true, failures: 0, retryInMilliseconds: 0 }, length: 1 });
	second.finish();
	t.is((await pass(2)).key, "b");
});

test("interrupt() of a waiting key puts it first", async (t) => {
	// Given one place that is taken and two keys waiting.
	const { queue, pass } = startQueue(t, { concurrency: 1 });
	for (const key of ["a", "b", "c"]) queue.add(key);
	// When the last is interrupted, then it is next.
	queue.interrupt("c");
	(await pass(0)).finish();
	t.is((await pass(1)).key, "c");
});

test("stop() waits for what runs, and starts nothing", async (t) => {
	// Given a pass under way, a key waiting and one backing off.
	const { queue, passes, failures, pass } = startQueue(t, { concurrency: 2, backoff: soon });
	queue.add("failing");
	(await pass(0)).fail(new Error("no"));
	await until("the failure is told", () => failures.length === 1);
	queue.add("a");
	queue.add("a");
	const running = await until("it runs", () => passes.find(({ key }) => key === "a"));
	// When stopped, and the pass ends.
	const stopped = queue.stop();
	const begun = passes.length;
	running.finish();
	for (const { key, finish } of passes) if (key === "failing") finish();
	// Then nothing was left over, nothing began.
	t.deepEqual(await stopped, []);
	queue.add("b");
	t.is(passes.length, begun);
});

test("stop() names what did not end in time, and aborts it", async (t) => {
	// Given a pass that does not end.
	const { queue, pass } = startQueue(t);
	queue.add("stuck");
	const { signal } = await pass(0);
	// When stopped with a short deadline, then it is named and aborted.
	t.deepEqual(await queue.stop({ deadlineMilliseconds: 10 }), ["stuck"]);
	t.true(signal.aborted);
});

test("no wake-up is lost, whatever the order", async (t) => {
	// Given any history of changes, failures and interruptions over three keys.
	const step = fc.record({ key: fc.constantFrom("a", "b", "c"), urgent: fc.boolean(), yields: fc.nat(3) });
	await fc.assert(
		fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat(3)), async (steps, luck) => {
			const wanted = new Map<string, number>();
			const done = new Map<string, number>();
			const running = new Set<string>();
			const queue = new WorkQueue({
				name: "property",
				concurrency: 2,
				backoff: soon,
				pass: async (key) => {
					if (running.has(key)) throw new Error(`two passes of ${key}`);
					running.add(key);
					const read = wanted.get(key) ?? 0;
					const turns = luck.next().value ?? 0;
					for (let i = 0; i < turns; i += 1) await Promise.resolve();
					running.delete(key);
					if (turns === 3 && luck.next().value !== 0) throw new Error("bad luck");
					done.set(key, read);
					return undefined;
				},
				onError: ({ error }) => {
					if (!String(error).includes("bad luck")) throw error;
				},
			});
			// When each change is followed by an add or an interrupt.
			for (const { key, urgent, yields } of steps) {
				wanted.set(key, (wanted.get(key) ?? 0) + 1);
				if (urgent) queue.interrupt(key);
				else queue.add(key);
				for (let i = 0; i < yields; i += 1) await Promise.resolve();
			}
			// Then in the end each key was passed after its last change.
			await until("every change was seen", () => [...wanted].every(([key, n]) => done.get(key) === n), {
				intervalMilliseconds: 1,
			});
			await queue.stop();
		}),
		{ numRuns: 60 },
	);
	t.pass();
});

import test, { type ExecutionContext } from "ava";
import type { Pod } from "../../core/observed.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { Mode } from "../../crds/vocabulary.ts";
import { KubeError } from "../../kube/error.ts";
import { leftToStop } from "../../sidecar/direct-stop.ts";
import { DirectStopper } from "../../sidecar/direct-stopper.ts";
import { deskOf, podOf, target } from "../core/desk.ts";
import { until } from "../support/until.ts";

/** A desk with pods, and whoever deletes them. `fails`: what the API server answers to the first calls. */
function startWorld(t: ExecutionContext, mode: Mode, pods: readonly Pod[], fails: readonly KubeError[] = []) {
	const answers = [...fails];
	const deleted: string[] = [];
	const failures: unknown[] = [];
	let desk: TradingSafety | undefined = deskOf({ mode, targets: [target("bot", { preset: "Strategy" })] });
	let left = pods;
	const stopper = new DirectStopper({
		client: {
			delete: async <T>(path: string) => {
				const failure = answers.shift();
				if (failure !== undefined) throw failure;
				const name = path.split("/").at(-1) ?? "";
				deleted.push(name);
				left = left.filter((pod) => pod.name !== name);
				return {} as T;
			},
		},
		desk: () => desk,
		pods: () => left,
		onDeleted: () => undefined,
		onFailed: (_namespace, _pod, error) => failures.push(error),
	});
	t.teardown(() => stopper.stop());
	const become = (next: Mode | undefined) => {
		desk =
			next === undefined
				? undefined
				: deskOf({ mode: next, targets: [target("bot", { preset: "Strategy" })] });
	};
	return { stopper, deleted, failures, become };
}

const pod = (name: string, rest: Partial<Pod> = {}): Pod => ({
	...podOf("bot", { node: "n" }),
	...{ name, uid: name },
	...rest,
});

test("pods that nobody told are deleted after the time, those that are stopping are not", async (t) => {
	// Given two pods, one of which is being stopped
	const told = pod("told", { stopping: { graceSeconds: 30 } });
	const { stopper, deleted } = startWorld(t, "Emergency", [pod("left"), told]);
	const begunAt = performance.now();
	stopper.begin("a", "Emergency", 1);
	await until("one is deleted", () => deleted.length > 0);
	// Then not before its time
	t.true(performance.now() - begunAt >= 990);
	t.deepEqual(deleted, ["left"]);
});

test("a refusal is told of, and tried again", async (t) => {
	const refused = new KubeError("FORBIDDEN", "no");
	const { stopper, deleted, failures } = startWorld(t, "Emergency", [pod("one")], [refused, refused]);
	stopper.begin("a", "Emergency", 0);
	await until("it is deleted", () => deleted.includes("one"));
	t.deepEqual(failures, [refused, refused]);
});

test("what was lowered since, and a desk that is gone, is left alone", async (t) => {
	// Given a raise that was seen, and then a desk in Normal with a pod
	const { stopper, deleted, become } = startWorld(t, "Emergency", []);
	stopper.begin("a", "Emergency", 0);
	const begunAt = performance.now();
	await until("it has looked", () => performance.now() - begunAt > 700);
	become("Normal");
	await until("it has looked again", () => performance.now() - begunAt > 2_000);
	t.deepEqual(deleted, []);
	const gone = startWorld(t, "Emergency", [pod("other")]);
	gone.become(undefined);
	gone.stopper.begin("a", "Emergency", 0);
	await until("it has looked", () => performance.now() - begunAt > 3_000);
	t.deepEqual(gone.deleted, []);
});

test("what waits until the account is flat, what goes on and what is told are left to the operator", (t) => {
	// Given a desk in Normal that can tell when it is flat, with a pod of each kind
	const of = (mode: Mode, flat: boolean) =>
		deskOf(
			{
				mode,
				targets: [
					target("strategy", { preset: "Strategy" }),
					target("gateway", { preset: "Gateway" }),
					target("risk", { preset: "Risk" }),
					target("bot", { preset: "Bot", signal: { http: { port: 1 } } }),
				],
				prometheus: { url: "http://prometheus" },
				...(flat && { flat: { query: "positions", expectSeries: 1, maxAgeSeconds: 30 } }),
			},
			{ targets: [{ name: "bot", signalled: "Admit" }] },
		);
	const pods = ["strategy", "gateway", "risk", "bot"].map((app) => podOf(app, { node: "n" }));
	const deleted = (desk: TradingSafety, mode: Mode) =>
		leftToStop(desk, mode, pods).map(({ pod }) => pod.labels.app);
	// When it is pressed, then only what Emergency stops at once is deleted
	t.deepEqual(deleted(of("Normal", true), "Emergency"), ["strategy"]);
	t.deepEqual(deleted(of("Emergency", true), "Emergency"), ["strategy"]);
	// When nobody could tell that it is flat, then the gateway waits for nothing
	t.deepEqual(deleted(of("Normal", false), "Emergency"), ["strategy", "gateway"]);
	// And where a press pauses, nobody is deleted beyond what Pause stops
	t.deepEqual(deleted(of("Normal", true), "Pause"), ["strategy"]);
	t.deepEqual(deleted(of("Emergency", true), "Pause"), ["strategy"]);
});

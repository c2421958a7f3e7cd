import test from "ava";
import type { Observed } from "../../core/observed.ts";
import { stopPlan } from "../../core/plan.ts";
import { restoreStep } from "../../core/restore.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { deskOf, podOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const targets = [target("bot"), target("gateway", { preset: "Gateway" })];
const plan = (desk: TradingSafety, observed: Observed) =>
	stopPlan(desk, observed).map((effect) =>
		effect.kind === "DeletePod"
			? `DeletePod ${effect.pod.name} ${effect.graceSeconds ?? "-"}`
			: `${effect.kind} ${effect.workload.name}`,
	);
const halted = deskOf({ mode: "Emergency", targets: [target("bot")] });

test("a workload is recorded, claimed, and only then scaled to zero", (t) => {
	// Given a workload at each point of the way down
	const at = (replicas: number, heldAt?: number) =>
		plan(
			halted,
			seen({
				workloads: [workloadOf("bot", replicas)],
				records: heldAt === undefined ? [] : [recordOf("bot", 3, heldAt)],
			}),
		);
	// When the next call is asked for, then it is the one that loses nothing
	t.deepEqual(at(3), ["CreateRecord bot"]);
	t.deepEqual(at(0), ["CreateRecord bot"]);
	t.deepEqual(at(3, 5), ["ClaimRecord bot"]);
	t.deepEqual(at(3, 7), ["ScaleToZero bot"]);
	t.deepEqual(at(0, 7), []);
});

test("pods are told once, and again only to be quicker", (t) => {
	// Given pods that were told nothing, too slow, and fast enough
	const pods = [
		podOf("bot", { name: "idle" }),
		podOf("bot", { name: "slow", stopping: { graceSeconds: 30 } }),
		podOf("bot", { name: "quick", stopping: { graceSeconds: 2 } }),
		podOf("web", { name: "stranger" }),
	];
	// When an Emergency is planned, and a Pause, which asks for no grace of its own
	// Then each gets what it needs
	t.deepEqual(plan(halted, seen({ pods })), ["DeletePod idle 2", "DeletePod slow 2"]);
	t.deepEqual(plan(deskOf({ mode: "Pause", targets: [target("bot")] }), seen({ pods })), [
		"DeletePod idle -",
	]);
});

test("what is open is not touched, and of two targets the one that stops decides", (t) => {
	// Given a gateway and a bot in Pause, and a pod of both
	const both = podOf("gateway", { name: "both", labels: { app: "gateway", role: "bot" } });
	const desk = deskOf({
		mode: "Pause",
		targets: [
			targets[1] ?? target("x"),
			target("bot", { preset: "Bot", selector: { matchLabels: { role: "bot" } } }),
		],
	});
	// When a stop is planned, then only the pod of both is told
	t.deepEqual(plan(desk, seen({ pods: [podOf("gateway"), both] })), ["DeletePod both -"]);
	t.deepEqual(
		plan(
			deskOf({ mode: "Normal", targets }),
			seen({ pods: [podOf("bot")], workloads: [workloadOf("bot", 3)] }),
		),
		[],
	);
});

test("a pod whose own grace is too short for its kubelet gets as much as the kubelet gives", (t) => {
	// Given a pod that would be gone before its process, in each mode
	const hasty = podOf("bot", { hasty: true });
	// When a stop is planned, then it gets 2 seconds at least, where others keep their own
	const graces = (mode: "Pause" | "Emergency", pod = hasty) =>
		stopPlan(deskOf({ mode, targets }), seen({ pods: [pod] })).map((effect) =>
			effect.kind === "DeletePod" ? effect.graceSeconds : undefined,
		);
	t.deepEqual(graces("Pause"), [2]);
	t.deepEqual(graces("Emergency"), [2]);
	t.deepEqual(graces("Pause", podOf("bot")), [undefined]);
});

test("a restore opens one target at a time, gateways before bots", (t) => {
	// Given a desk lowered to Normal with two targets still held
	const status = {
		targets: [
			{ name: "bot", fencedAs: "Emergency" as const },
			{ name: "gateway", fencedAs: "Emergency" as const },
		],
	};
	const gateways = (replicas: number, ready: number) => [
		workloadOf("gateway", replicas, { ready }),
		workloadOf("bot", 0),
	];
	const records = [recordOf("gateway", 3), recordOf("bot", 2)];
	const next = (released: readonly string[], workloads: ReturnType<typeof gateways>, left = records) => {
		const held = status.targets.filter(({ name }) => !released.includes(name));
		const step = restoreStep(
			deskOf({ mode: "Normal", targets }, { targets: held }),
			seen({ workloads, records: left }),
			new Set(),
		);
		return [step.stage, step.effects.map((effect) => effect.kind).join(), step.waitingFor.join()];
	};
	// When the next step is asked for at each point of the way up
	// Then the second target waits until the first is Ready and its record gone
	t.deepEqual(next([], gateways(0, 0)), ["gateway", "Release", ""]);
	t.deepEqual(next(["gateway"], gateways(0, 0)), ["gateway", "Scale", ""]);
	t.deepEqual(next(["gateway"], gateways(3, 1)), ["gateway", "", "Deployment gateway to be Ready (1 of 3)"]);
	t.deepEqual(next(["gateway"], gateways(3, 3)), ["gateway", "DeleteRecord", ""]);
	t.deepEqual(next(["gateway"], gateways(3, 3), records.slice(1)), ["bot", "Release", ""]);
});

test("a restore takes what watches risk first, then gateways, bots, strategies", (t) => {
	// Given a desk with one target of each, in the opposite order, all of them held
	const names = ["strategy", "bot", "gateway", "risk"] as const;
	const preset = { strategy: "Strategy", bot: "Bot", gateway: "Gateway", risk: "Risk" } as const;
	const all = names.map((name) => target(name, { preset: preset[name] }));
	// When the next step is asked for again and again, then that is the order
	const released: string[] = [];
	while (released.length < names.length) {
		const held = names.filter((name) => !released.includes(name));
		const rows = held.map((name) => ({ name, fencedAs: "Freeze" as const }));
		const { stage } = restoreStep(
			deskOf({ mode: "Normal", targets: all }, { targets: rows }),
			seen(),
			new Set(),
		);
		released.push(stage ?? "none");
	}
	t.deepEqual(released, ["risk", "gateway", "bot", "strategy"]);
});

test("a workload of the open stage that stands where it was without any pod is named", (t) => {
	// Given a desk in Normal whose bots wait to be Ready
	const podless = (
		bots: ReturnType<typeof workloadOf>,
		pods = [podOf("other", { labels: { app: "other" } })],
	) =>
		(
			restoreStep(
				deskOf({ mode: "Normal", targets }),
				seen({ workloads: [bots], records: [recordOf("bot", 3)], pods }),
				new Set(),
			).podless ?? []
		).map(({ workload: { name } }) => name);
	// When none of their pods is there, then they are named
	t.deepEqual(podless(workloadOf("bot", 3, { ready: 0 })), ["bot"]);
	// When one is there, or one is Ready, or somebody chose another number, then not
	t.deepEqual(podless(workloadOf("bot", 3, { ready: 0 }), [podOf("bot")]), []);
	t.deepEqual(podless(workloadOf("bot", 3, { ready: 1 })), []);
	t.deepEqual(podless(workloadOf("bot", 2, { ready: 0 })), []);
	// When it has no replicas, or an autoscaler sets them, then not
	t.deepEqual(podless(workloadOf("bot", 3, { ready: 0, switched: true })), []);
	t.deepEqual(podless(workloadOf("bot", 3, { ready: 0, scales: { kind: "Deployment", name: "x" } })), []);
});

test("a liquidator starts when all others are gone, itself included, and goes before they come back", (t) => {
	// Given bots and a liquidator
	const pair = [target("bot"), target("liquidator", { preset: "Liquidator" })];
	const rows = [
		{ name: "bot", fencedAs: "Emergency" as const },
		{ name: "liquidator", fencedAs: "Emergency" as const },
	];
	const step = (mode: "Emergency" | "Pause", gone: readonly string[], startAllowed = false) => {
		const status = {
			targets: rows.map((row) => (row.name === "liquidator" ? { ...row, startAllowed } : row)),
		};
		const { effects, waitingFor } = restoreStep(
			deskOf({ mode, targets: pair }, status),
			seen({ workloads: [workloadOf("liquidator", 0)] }),
			new Set(gone),
		);
		return effects[0]?.kind ?? waitingFor.join();
	};
	// When the leader looks, in Emergency and after a lowering to Pause
	// Then nothing overlaps
	t.is(step("Emergency", ["liquidator"]), "target bot to be confirmed stopped");
	t.is(step("Emergency", ["bot"]), "target liquidator to be confirmed stopped");
	t.is(step("Emergency", ["bot", "liquidator"]), "AllowStart");
	t.is(step("Emergency", ["bot"], true), "Scale");
	t.is(step("Pause", ["bot"]), "target liquidator to be confirmed stopped");
	t.is(step("Pause", ["bot", "liquidator"], true), "target liquidator to be confirmed stopped");
	t.is(step("Pause", ["bot", "liquidator"]), "Release");
});

import test from "ava";
import { liquidationImpossible } from "../../core/liquidation.ts";
import { liquidatorNow, permitColumnOf } from "../../core/liquidator.ts";
import { targetStates } from "../../core/targets.ts";
import type { LiquidatorRow } from "../../crds/status.ts";
import { deskOf, factsOf, podOf, seen, target } from "./desk.ts";

const signal = { http: { port: 8090 }, ttlSeconds: 5 };
const targets = [target("gateway", { preset: "Gateway" }), target("liq", { preset: "Liquidator", signal })];
const now = "2026-01-01T00:00:10.000Z";
const deskWith = (liquidator?: LiquidatorRow, mode: "Emergency" | "Pause" = "Emergency") =>
	deskOf(
		{ mode, targets },
		{
			targets: [{ name: "liq", fencedAs: mode, startAllowed: true }],
			...(liquidator && { liquidator }),
		},
	);
const pod = (name: string, rest = {}) => podOf("liq", { name, uid: `${name}-uid`, node: "n", ...rest });
const row = (name: string, rest: Partial<LiquidatorRow> = {}) => ({
	uid: `${name}-uid`,
	name,
	since: now,
	...rest,
});

test("one pod is named, and another only when that one is not in sight any more", (t) => {
	// Given liquidators, some of them started by hand
	const named = (before: LiquidatorRow | undefined, ...pods: ReturnType<typeof pod>[]) => {
		const desk = deskWith(before);
		return liquidatorNow(desk, factsOf(desk, seen({ pods })));
	};
	// When it is asked which one may trade, then it is one that is Ready, and stays that one
	t.deepEqual(named(undefined, pod("a"), pod("b", { ready: true })), row("b"));
	t.deepEqual(named(row("a"), pod("b", { ready: true }), pod("a")), row("a"));
	t.deepEqual(named(row("a"), pod("b"), pod("a", { stopping: { graceSeconds: 2 } })), row("a"));
	// And when it is gone, then the next one is named after it; while there is none, nobody else
	t.deepEqual(named(row("a"), pod("b")), row("b", { after: "a" }));
	t.deepEqual(named(row("a")), row("a"));
	t.deepEqual(named(undefined, pod("a", { node: undefined })), undefined);
	// And it is forgotten only when all of them were confirmed gone
	const paused = deskWith(row("a"), "Pause");
	t.deepEqual(liquidatorNow(paused, factsOf(paused, seen())), row("a"));
	t.is(liquidatorNow(paused, factsOf(paused, seen(), ["liq"])), undefined);
});

test("only the one that is named may close positions, after the permit of the one before has run out", (t) => {
	// Given two liquidators in Emergency
	const columnOf = (uid: string, liquidator: LiquidatorRow | undefined, at = now) => {
		const desk = deskWith(liquidator);
		const state = targetStates(desk).find(({ spec }) => spec.name === "liq");
		return state && permitColumnOf(desk, state, { uid }, true, at);
	};
	// When their permits are made, then one may trade, and after another only later
	t.is(columnOf("a-uid", row("a")), "Emergency");
	t.is(columnOf("b-uid", row("a")), "Freeze");
	t.is(columnOf("a-uid", undefined), "Freeze");
	t.is(columnOf("b-uid", row("b", { after: "a" }), "2026-01-01T00:00:16.900Z"), "Freeze");
	t.is(columnOf("b-uid", row("b", { after: "a" }), "2026-01-01T00:00:17.000Z"), "Emergency");
	t.is(columnOf("b-uid", row("b", { after: "a", since: "no time" })), "Freeze");
});

test("without a gateway that is Ready nothing can be closed, and that is said", (t) => {
	// Given a desk in Emergency with a gateway
	const said = (mode: "Emergency" | "Pause", rest: Parameters<typeof podOf>[1]) => {
		const desk = deskWith(undefined, mode);
		const facts = factsOf(desk, seen({ pods: [podOf("gateway", rest)] }));
		const { status, reason } = liquidationImpossible(facts, targetStates(desk));
		return `${status} ${reason}`;
	};
	// When it is Ready, not Ready, told to stop, or not wanted, then that is what the condition says
	t.is(said("Emergency", { ready: true }), "False GatewayReady");
	t.is(said("Emergency", {}), "True GatewayNotReady");
	t.is(said("Emergency", { ready: true, stopping: { graceSeconds: 2 } }), "True GatewayNotReady");
	t.is(said("Pause", {}), "False NotWanted");
});

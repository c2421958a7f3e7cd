import test from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { deskViewOf } from "../../sidecar/desk-view.ts";

const deskOf = (spec: object, status: object, observedGeneration = 3): TradingSafety =>
	({
		metadata: { generation: 3 },
		spec,
		status: { conditions: [{ type: "Confirmed", status: "True", observedGeneration }], ...status },
	}) as unknown as TradingSafety;

test("only what is confirmed of the present generation, and still looked at, counts", (t) => {
	const desk = deskOf({ mode: "Emergency" }, { modeInForce: "Emergency" });
	t.deepEqual(deskViewOf(desk, true), {
		wanted: "Emergency",
		inForce: "Emergency",
		confirmed: "True",
		auditBehind: false,
	});
	// When nobody looks at it any more, or what is said is of before
	t.is(deskViewOf(desk, false).confirmed, "Unknown");
	t.is(deskViewOf(deskOf({ mode: "Emergency" }, { modeInForce: "Emergency" }, 2), true).confirmed, "Unknown");
});

test("words that are not known stand for Emergency, and no status for nothing", (t) => {
	t.is(deskViewOf(deskOf({ mode: "Later" }, { modeInForce: "Later" }), true).wanted, "Emergency");
	t.is(deskViewOf(deskOf({ mode: "Later" }, { modeInForce: "Later" }), true).inForce, "Emergency");
	const bare = { metadata: { generation: 1 }, spec: { mode: "Normal" } } as unknown as TradingSafety;
	t.like(deskViewOf(bare, true), { wanted: "Normal", inForce: "Normal", confirmed: "Unknown" });
});

test("a freeze is in force once all of it is confirmed", (t) => {
	const frozen = { mode: "Pause", freeze: true };
	t.like(deskViewOf(deskOf(frozen, { modeInForce: "Pause" }), true), { wanted: "Freeze", inForce: "Freeze" });
	t.like(deskViewOf(deskOf(frozen, { modeInForce: "Pause" }, 2), true), {
		wanted: "Freeze",
		inForce: "Pause",
	});
});

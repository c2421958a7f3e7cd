import test from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { DeskState } from "../../operator/desk-state.ts";
import { Memory } from "../../operator/memory.ts";
import type { NamespaceView } from "../../operator/namespace-view.ts";
import { deskOf } from "../core/desk.ts";

const clock = { now: () => "2026-01-01T00:00:10.000Z" };

function version(mode: "Normal" | "Emergency", generation: number, resourceVersion: string): TradingSafety {
	const desk = deskOf({ mode, targets: [] }, undefined, generation);
	return { ...desk, metadata: { ...desk.metadata, resourceVersion } };
}

/** A desk that was seen in Emergency, at version 900, and what it told. */
function inEmergency() {
	const told: string[] = [];
	const state = new DeskState(version("Emergency", 7, "900"), {
		view: { relistStopped: () => told.push("lists again what was stopped") } as unknown as NamespaceView,
		memory: new Memory(clock),
		clock,
		onMoved: ({ object }) => told.push(`moved to ${object.metadata.generation}`),
		onWentBack: () => told.push("went back"),
	});
	state.fence = { generation: 7, uid: "desk-uid", at: clock.now() };
	state.confirmGone("bot", clock.now());
	return { state, told };
}

test("an older version is not taken where it may only have been overtaken", (t) => {
	// Given a desk in Emergency, and reads that were sent before that was seen
	const before = performance.now();
	const { state, told } = inEmergency();
	const older = version("Normal", 6, "500");
	// When such a read, or the watch, shows an older version
	// Then it is not taken
	t.false(state.accept(older));
	t.false(state.accept(older, before));
	t.is(state.object.spec.mode, "Emergency");
	t.deepEqual(told, []);
	t.true(state.isGone("bot"));
	// Then history knows of it all the same, once
	t.deepEqual(
		state.sightings.map(({ generation }) => generation),
		[7, 6],
	);
});

test("a later version that says something else of the same or an earlier generation means that history went back", (t) => {
	for (const rewritten of [version("Normal", 6, "1000"), version("Normal", 7, "1000")]) {
		// Given a desk in Emergency
		const { state, told } = inEmergency();
		// When the watch shows that, as after a restore with bumped revisions
		t.true(state.accept(rewritten));
		// Then nothing that was seen before is believed, and it is to be raised
		t.deepEqual(told, [
			"lists again what was stopped",
			"went back",
			`moved to ${rewritten.metadata.generation}`,
		]);
		t.is(state.recovery?.mode, "Emergency");
		t.true("error" in state.fence);
		t.false(state.isGone("bot"));
	}
	// Then a status that is written changes nothing of that
	const { state, told } = inEmergency();
	t.true(state.accept({ ...version("Emergency", 7, "901"), status: { observedGeneration: 7 } }));
	t.deepEqual(told, []);
	t.true(state.isGone("bot"));
});

test("an older version that a later read shows is taken: history went back", (t) => {
	for (const [what, older] of [
		["an older version", version("Normal", 6, "500")],
		["another generation of the same version", version("Normal", 6, "900")],
	] as const) {
		// Given a desk in Emergency
		const { state, told } = inEmergency();
		// When a read that was sent after that was seen shows something older
		t.true(state.accept(older, performance.now() + 1), what);
		// Then it counts, nothing that was seen before is believed, and it is to be raised
		t.deepEqual(told, ["lists again what was stopped", "went back", "moved to 6"]);
		t.is(state.object.metadata.generation, 6);
		t.is(state.recovery?.mode, "Emergency");
		t.true("error" in state.fence);
		t.false(state.isGone("bot"));
		t.deepEqual(
			state.sightings.map(({ generation }) => generation),
			[6],
		);
		// When it is raised, then there is nothing left to raise, and the hold is told
		t.true(state.accept(version("Emergency", 7, "901")));
		t.is(state.recovery, undefined);
		t.is(state.object.status?.regressed?.generation, 6);
	}
});

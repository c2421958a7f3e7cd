import test from "ava";
import fc from "fast-check";
import { encodeEntry } from "../../audit/entry.ts";
import type { Happening } from "../../audit/recorder.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { faults } from "../../sidecar/button.ts";
import { estopBox } from "../../sidecar/devices/estop-box.ts";
import * as entries from "../../sidecar/record.ts";
import { recordState } from "../../sidecar/recording.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { entryOf } from "../audit/entries.ts";

const device = { info: boxInfo("BOX-1"), profile: estopBox };
const raise = (namespace: string, id: string) => ({
	namespace,
	raise: {
		mode: "Emergency",
		trip: { id, source: "BOX-1", at: "2026-01-01T00:00:00Z", type: "Button" },
	} as const,
});
const desk = {
	metadata: { name: "desk", namespace: "a", uid: "uid-a", generation: 7, resourceVersion: "123" },
	spec: { mode: "Normal", trip: { id: "before" } },
} as TradingSafety;
const pod = (name: string) => ({ name, uid: `uid-${name}`, labels: {}, owned: true });

const isEntry = ({ time: _, ...happening }: Happening) => encodeEntry({ ...entryOf(1), ...happening });

test("a press names the device, and each desk that it raises with its trip", (t) => {
	const press = { raised: [raise("a", "t-1"), raise("b", "t-2")], isProof: false, lentBy: ["c"] };
	t.deepEqual(entries.pressed(device, press), {
		kind: "Trip",
		action: "Pressed",
		actor: { name: "BOX-1", via: estopBox.name },
		entity: { type: "Device", id: "BOX-1", uid: device.info.descriptorHash },
		metadata: {
			...{ path: device.info.path, profile: estopBox.name, tested: estopBox.abilities.tested },
			...{ raised: "2", "raised.0": "a Emergency t-1", "raised.1": "b Emergency t-2" },
			...{ isProof: "false", lentBy: "c" },
		},
	});
});

test("a raise says what the desk was, what is asked for, and what the API server then shows", (t) => {
	const raised = entries.raising(raise("a", "t-1"), desk, false);
	t.like(raised, {
		...{ kind: "Trip", action: "Raised", actor: { name: "BOX-1", via: "Button" } },
		entity: { type: "TradingSafety", id: "a/desk", uid: "uid-a" },
		before: { generation: 7, resourceVersion: "123", values: { mode: "Normal", trip: "before" } },
		after: { values: { mode: "Emergency" } },
		metadata: { trip: "t-1", type: "Button", at: "2026-01-01T00:00:00Z" },
	});
	t.is(entries.raising(raise("a", "t-1"), undefined, true).action, "RaisedAgain");
	const spec = { ...desk.spec, mode: "Emergency", trip: { id: "t-1" } };
	const now = { ...desk, metadata: { ...desk.metadata, generation: 8 }, spec } as TradingSafety;
	const shown = entries.shown(raise("a", "t-1"), now, 4.56);
	t.like(shown, { action: "RaiseShown", metadata: { trip: "t-1", milliseconds: "4.6" } });
	t.like(shown.after, { generation: 8, values: { mode: "Emergency", trip: "t-1" } });
});

test("bots that never acknowledge are a missing claim, those that ended are not", (t) => {
	const told = entries.botsTold("a", "Emergency", [
		{ kind: "Acknowledged", pod: pod("x"), milliseconds: 2 },
		{ kind: "Acknowledged", pod: pod("y"), milliseconds: 3.25 },
		{ kind: "Silent", pod: pod("deaf") },
		{ kind: "Ended", pod: pod("gone") },
	]);
	t.deepEqual(
		told.map(({ kind, action }) => `${kind} ${action}`),
		["Trip BotsTold", "Claim NotAcknowledged"],
	);
	t.like(told[0]?.metadata, {
		told: "4",
		acknowledged: "2",
		slowestMilliseconds: "3.3",
		endedBefore: "gone",
	});
	t.like(told[1]?.metadata, { count: "1", pods: "deaf" });
	const all = entries.botsTold("a", "Pause", [{ kind: "Acknowledged", pod: pod("x"), milliseconds: 2 }]);
	t.is(all.length, 1);
});

test("whatever a device, a desk or a person sent: each of these can be recorded", (t) => {
	const any = fc.oneof(
		fc.string({ unit: "binary" }),
		fc.constantFrom("", "\ud800", "\u{1f6d1}".repeat(5_000), "\u0000".repeat(5_000), "x".repeat(70_000)),
	);
	const outcomes = fc.array(
		fc.oneof(
			fc.record({ kind: fc.constant("Acknowledged"), name: any, milliseconds: fc.double({ min: 0 }) }),
			fc.record({ kind: fc.constantFrom("Silent", "Ended"), name: any }),
		),
		{ maxLength: 5 },
	);
	fc.assert(
		fc.property(
			fc.record({ serial: any, product: any, descriptorHash: any, path: any }),
			fc.record({ namespace: any, id: any, source: any, at: any, type: any }),
			fc.dictionary(any, any, { maxKeys: 20 }),
			any,
			outcomes,
			(names, { namespace, ...trip }, detail, text, told) => {
				const odd = { info: { ...device.info, ...names }, profile: { ...estopBox, name: text } };
				const raised = { namespace, raise: { mode: "Pause", trip: { ...trip, detail } } } as const;
				const many = Array.from({ length: 150 }, () => raised);
				const press = { raised: many, isProof: true, lentBy: [text, text] };
				const bots = told.map(({ name, ...rest }) => ({ ...rest, pod: pod(name) })) as Parameters<
					typeof entries.botsTold
				>[2];
				const all: readonly Happening[] = [
					entries.pressed(odd, press),
					entries.released(odd),
					...faults.flatMap((fault) => [entries.faultBegan(odd, fault), entries.faultEnded(odd, fault)]),
					entries.opened(odd),
					entries.lost(odd, text),
					entries.armedOrNot(odd, []),
					entries.armedOrNot(odd, [text, text, text]),
					entries.cameThrough(odd, press),
					entries.silenced(text, text),
					entries.raising(raised, desk, false),
					entries.raising(raised, undefined, true),
					entries.shown(raised, desk, 1),
					entries.podDeleted(namespace, { name: text, uid: text }),
					...entries.botsTold(namespace, "Pause", bots),
				];
				for (const one of all) isEntry(one);
			},
		),
		{ numRuns: 200 },
	);
	t.pass();
});

test("a record that waits is late after 10 s, whoever says so, and one that fails at once", (t) => {
	const behind = { kind: "Behind", entries: 3, milliseconds: 2_000, why: "refused" } as const;
	t.deepEqual(recordState({ kind: "Current" }, 60_000), { late: false, text: "Current" });
	t.deepEqual(recordState(behind, 0), { late: false, text: "Behind: 3 entries for 2 s, refused" });
	t.true(recordState({ ...behind, milliseconds: 10_001 }, 0).late);
	// A disk that hangs has no time of its own
	t.deepEqual(recordState({ ...behind, milliseconds: 0, why: undefined }, 12_900), {
		late: true,
		text: "Behind: 3 entries for 12 s",
	});
	t.deepEqual(recordState({ kind: "Failing", why: "ENOSPC", entries: 1 }, 0), {
		late: true,
		text: "Failing: ENOSPC",
	});
});

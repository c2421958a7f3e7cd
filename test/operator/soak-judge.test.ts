import test from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { worldTargets } from "../core/world/oracle.ts";
import { type Deposition, judge } from "../soak/judge.ts";
import { drawStory } from "../soak/story.ts";
import type { Life, Testimony } from "../soak/testimony.ts";
import { Chance } from "./chance.ts";

const targets = worldTargets.map(({ spec }) => spec).filter(({ name }) => ["bots", "risk"].includes(name));
const cleared = { generation: 2, toMode: "Pause", time: "2026-01-01T00:00:00Z" } as const;

/** A version of the desk at a resource version. */
function version(at: number, generation: number, spec: object, status: object = {}) {
	const metadata = { name: "desk", namespace: "n", uid: "u", resourceVersion: String(at), generation };
	const desk = { metadata, spec: { targets, ...spec }, status } as unknown as TradingSafety;
	return { at, gap: false, desk };
}

const confirmed = (generation: number) => ({
	conditions: [{ type: "Confirmed", status: "True", observedGeneration: generation }],
});
const life = (createdBy: number, rest: Partial<Life> = {}): Life => ({
	name: "bot-1",
	uid: `pod-${createdBy}`,
	labels: { app: "bot" },
	createdAfter: createdBy - 1,
	createdBy,
	...rest,
});

/** Raised at 100, marked as stored after 10 ms and again 5 s later, and lowered properly at 300. */
function seen(rest: Partial<Testimony> = {}): Testimony {
	return {
		lives: [life(50, { toldBy: 110, goneAfter: 119, goneBy: 120 })],
		versions: [
			version(10, 1, { mode: "Normal" }),
			version(100, 2, { mode: "Emergency" }),
			version(200, 2, { mode: "Emergency" }, { clearance: cleared, ...confirmed(2) }),
			version(300, 3, { mode: "Pause", reason: "1: safe" }, { clearance: cleared }),
		],
		workloads: [],
		records: [],
		markers: [
			{ version: 100, askedAt: 0, answeredAt: 10 },
			{ version: 150, askedAt: 5_000, answeredAt: 5_010 },
			{ version: 250, askedAt: 6_000, answeredAt: 6_010 },
		],
		...rest,
	};
}

const said: Deposition = {
	lowerings: new Set(["1: safe", "2: at once"]),
	overrides: new Set(["2: at once"]),
	wanted: new Map([["w", new Set([3])]]),
};

test("the judge of the soak has nothing against a halt and a lowering as they must be", (t) => {
	t.deepEqual(judge(seen(), said), []);
});

const replaced = (index: number, other: Testimony["versions"][number]) => ({
	versions: seen().versions.with(index, other),
});

for (const { what, breach, rest } of [
	{
		what: "a pod that is made long after the raise",
		breach: /bot-1 was made at 160: denied since 100/,
		rest: { lives: [life(160, { goneAfter: 164, goneBy: 165 })] },
	},
	{
		what: "a workload that grows long after the raise",
		breach: /bots grew from 0 to 3 at 160/,
		rest: {
			workloads: [0, 3].map((replicas, index) => ({
				at: 120 + index * 40,
				gap: false,
				name: "bots",
				uid: "w",
				labels: { app: "bot" },
				replicas,
				deleted: false,
			})),
		},
	},
	{
		what: "a confirmation while something is not back",
		breach: /version 310 says that it is confirmed, and bots is not back: 3/,
		rest: {
			versions: [...seen().versions.slice(0, 3), version(310, 2, { mode: "Normal" }, confirmed(2))].map(
				(one, index) => ({ ...one, gap: index === 3 }),
			),
			workloads: [
				{ at: 120, gap: false, name: "bots", uid: "w", labels: { app: "bot" }, replicas: 0, deleted: false },
			],
			records: [{ at: 105, uid: "r", name: "bots", workloadUid: "w", replicas: 3, deleted: false }],
		},
	},
	{
		what: "a confirmation while a pod is there",
		breach: /version 200 says that it is confirmed and clears, and pod bot-1 exists/,
		rest: { lives: [life(50, { toldBy: 110, goneAfter: 219, goneBy: 220 })] },
	},
	{
		what: "a lowering without clearance",
		breach: /lowers to Pause .* without clearance/,
		rest: replaced(2, version(200, 2, { mode: "Emergency" })),
	},
	{
		what: "a lowering further than what was cleared",
		breach: /cleared only to Pause/,
		rest: replaced(3, version(300, 3, { mode: "Normal", reason: "1: safe" })),
	},
	{
		what: "a lowering that nobody asked for",
		breach: /nobody asked for it/,
		rest: replaced(3, version(300, 3, { mode: "Pause", reason: "who knows" })),
	},
	{
		what: "a target that is released below what is asked for",
		breach: /version 200 releases bots, of which Emergency is asked/,
		rest: {
			versions: [
				version(100, 2, { mode: "Emergency" }, { targets: [{ name: "bots", fencedAs: "Emergency" }] }),
				version(200, 2, { mode: "Emergency" }, { targets: [{ name: "bots" }] }),
			],
		},
	},
	{
		what: "a record of something else than what ran",
		breach: /bots is recorded as 0 at 105, and was 3/,
		rest: {
			records: [{ at: 105, uid: "r", name: "bots", workloadUid: "w", replicas: 0, deleted: false }],
		},
	},
	{
		what: "a history that is not what was seen",
		breach: /history says of generation 2 that it went to Pause: it was Emergency/,
		rest: replaced(
			3,
			version(300, 3, { mode: "Pause", reason: "1: safe" }, { history: [{ generation: 2, to: "Pause" }] }),
		),
	},
	{
		what: "an override that is not called one",
		breach: /history says of generation 3 that it went to Pause, and not that it was an override/,
		rest: {
			versions: [
				version(100, 2, { mode: "Emergency" }),
				version(
					300,
					3,
					{ mode: "Pause", reason: "2: at once" },
					{ history: [{ generation: 3, to: "Pause", reason: "2: at once" }] },
				),
			],
		},
	},
	{
		what: "risk monitoring that is told to stop",
		breach: /watches risk/,
		rest: { lives: [life(50, { labels: { app: "risk" }, toldBy: 110 })] },
	},
]) {
	test(`the judge of the soak names ${what}`, (t) => {
		t.regex(judge(seen(rest), said).join("\n"), breach);
	});
}

test("the judge of the soak allows what it cannot know: an override, lost versions, the moment of the raise", (t) => {
	const override = version(300, 3, { mode: "Pause", reason: "2: at once" });
	const versions = seen()
		.versions.with(2, version(200, 2, { mode: "Emergency" }))
		.with(3, override);
	t.deepEqual(judge(seen({ versions }), said), []);
	const gap = { ...version(300, 3, { mode: "Normal", reason: "who knows" }), gap: true };
	t.deepEqual(judge(seen(replaced(3, gap)), said), []);
	t.deepEqual(judge(seen({ lives: [life(101, { goneAfter: 119, goneBy: 120 })] }), said), []);
	t.deepEqual(
		judge(seen({ lives: [life(160, { createdAfter: 90, goneAfter: 164, goneBy: 165 })] }), said),
		[],
	);
});

test("the same seed draws the same story, another one another", (t) => {
	const story = (seed: number) => drawStory(new Chance({ log: () => {} }, seed));
	t.deepEqual(story(7), story(7));
	t.notDeepEqual(story(7), story(8));
	const all = Array.from({ length: 200 }, (_, seed) => story(seed));
	t.true(all.every(({ steps }) => steps.length >= 5 && steps.length <= 12));
	const faults = new Set(
		all.flatMap(({ steps }) => steps.flatMap((step) => step.faults.map(({ fault }) => fault.kind))),
	);
	t.is(faults.size, 8);
	const deeds = new Set(all.flatMap(({ steps }) => steps.map(({ deed }) => deed.kind)));
	t.is(deeds.size, 13);
});

import test from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import type { Mode } from "../../crds/vocabulary.ts";
import type { Part } from "../../dev/demo/desk.ts";
import { playedDesk } from "../../dev/demo/played-desk.ts";
import type { DeskVersion, PodLife } from "../../dev/demo/walk/recorder.ts";
import { stepTimes } from "../../dev/demo/walk/timing.ts";
import { claims, shortfalls, untruths } from "../../dev/demo/walk/truth.ts";

/** A version of the desk; `about` is the generation that the condition speaks of. */
function version(
	revision: number,
	mode: Mode,
	generation: number,
	confirmed: "True" | "False",
	about = generation,
): DeskVersion {
	const object: TradingSafety = {
		apiVersion: "tradingsafety.dev/v1alpha1",
		kind: "TradingSafety",
		metadata: { name: "desk", uid: "u", resourceVersion: String(revision), generation },
		spec: { mode },
		status: {
			conditions: [
				{
					type: "Confirmed",
					status: confirmed,
					observedGeneration: about,
					lastTransitionTime: "2026-01-01T00:00:00Z",
					reason: "Test",
					message: "",
				},
			],
		},
	};
	return { revision: BigInt(revision), seenAt: revision, object };
}

const pod = (part: Part, created: number, deleted?: number): PodLife => ({
	uid: `${part}-${created}`,
	name: `fx-desk/${part}-${created}`,
	part,
	created: BigInt(created),
	...(deleted !== undefined && { deleted: BigInt(deleted), toldAt: deleted - 5, goneAt: deleted }),
});

/** Raised at 100, confirmed at 200, lowered at 300; 199 is the last revision with a pod. */
const halt = [
	version(50, "Normal", 1, "True"),
	version(100, "Pause", 2, "True", 1),
	version(110, "Pause", 2, "False"),
	version(200, "Pause", 2, "True"),
	version(300, "Normal", 3, "True", 2),
	version(310, "Normal", 3, "False"),
];

test("a status that says Confirmed once the last pod is gone tells the truth", (t) => {
	// Given pods that were gone before, that came after the lowering, and that no mode stops
	const pods = [
		pod("bots", 0, 199),
		pod("bots", 0, 200),
		pod("bots", 300),
		pod("risk", 0),
		pod("gateway", 0),
	];
	// When they are held against what status said
	// Then there is nothing to find
	t.deepEqual(untruths(playedDesk, halt, pods), []);
});

const lies: readonly { readonly what: string; readonly pod: PodLife }[] = [
	{ what: "a pod that was gone only after", pod: pod("bots", 0, 201) },
	{ what: "a pod that is still there", pod: pod("bots", 0) },
	{ what: "a pod that came and went during the claim", pod: pod("strategies", 250, 260) },
	{ what: "a pod that came in its last moment", pod: pod("strategies", 299, 400) },
	{ what: "a liquidator in Pause", pod: pod("liquidator", 0, 201) },
];
for (const { what, pod: culprit } of lies) {
	test(`Confirmed and ${what} contradict each other, and the pod is named`, (t) => {
		// Given such a pod
		// When it is held against what status said
		const found = untruths(playedDesk, halt, [culprit]);
		// Then it is found, with the revisions
		t.true(found.length > 0);
		t.true(found.some((line) => line.includes(culprit.name) && line.includes("200 to 300")));
	});
}

/** A pod that was ready from a revision on. */
const readyPod = (part: Part, ready: number, deleted?: number): PodLife => ({
	...pod(part, 0, deleted),
	uid: `${part}-${ready}-${deleted}`,
	ready: BigInt(ready),
});

test("Confirmed before everything that a mode lets run was ready is found", (t) => {
	// Given Reduce, confirmed at 200, which keeps risk and gateway and starts a liquidator
	const versions = [version(100, "Reduce", 2, "False"), version(200, "Reduce", 2, "True")];
	const kept = [readyPod("risk", 0), readyPod("gateway", 0), readyPod("gateway", 1)];
	const found = (...others: readonly PodLife[]) => shortfalls(playedDesk, versions, [...kept, ...others]);
	// When the liquidator was ready in time, too late, not any more, or never
	// Then only the first is as it should be
	t.deepEqual(found(readyPod("liquidator", 200)), []);
	for (const pods of [
		[readyPod("liquidator", 201)],
		[readyPod("liquidator", 150, 200)],
		[pod("liquidator", 0)],
		[],
	]) {
		t.deepEqual(found(...pods), [
			"Confirmed was True for Reduce (generation 2) at revision 200, and liquidator had 0 of 1 pods ready",
		]);
	}
});

test("a condition about an older generation claims nothing", (t) => {
	// Given versions of which two speak of a generation that is not asked for any more
	// When the claims are read from them
	const generations = claims(halt).map(({ generation }) => generation);
	// Then only the current ones are there
	t.deepEqual(generations, [1, 2]);
});

test("the stages of a step are counted from the patch, and what has not happened has no time", (t) => {
	// Given a halt, with one pod that is gone and one that is not
	const step = {
		name: "Normal -> Pause",
		generation: 2,
		stops: ["bots"],
		starts: [],
		deniedAt: 104,
	} as const;
	// When its times are taken
	const whole = stepTimes(step, halt, [pod("bots", 0, 180), pod("bots", 0, 199), pod("bots", 0, 90)]);
	const partial = stepTimes(step, halt, [pod("bots", 0, 180), pod("bots", 0)]);
	// Then each stage ends with its last pod, and pods that were gone before the patch do not count
	t.deepEqual(whole, { name: step.name, pods: 2, denied: 4, told: 94, gone: 99, confirmed: 100 });
	t.is(partial.gone, undefined);
});

import test from "ava";
import { pino } from "pino";
import { estopAnnotations as names } from "../../crds/estop-lease.ts";
import { KubeError } from "../../kube/error.ts";
import { freshButton } from "../../sidecar/button.ts";
import type { Device } from "../../sidecar/device.ts";
import { estopBox } from "../../sidecar/devices/estop-box.ts";
import { createMetrics } from "../../sidecar/metrics.ts";
import { Presence, type PresenceOptions } from "../../sidecar/presence.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { deskOf } from "../core/desk.ts";
import { until } from "../support/until.ts";
import { pinOf } from "./world.ts";

type Lease = { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
type Answer = "Answers" | "Hangs" | KubeError;

/** How one box is told of to an API server that answers so. */
function startWorld() {
	const device = {
		...{ info: boxInfo("P"), profile: estopBox, state: freshButton(0) },
		show: () => undefined,
	} as unknown as Device;
	let answer: Answer = "Answers";
	let isReached = true;
	let refusal: string | undefined;
	const said: Lease[] = [];
	const hanging: (() => void)[] = [];
	const patch = async (_path: string, body: unknown) => {
		said.push(body as Lease);
		if (answer === "Hangs") await new Promise<void>((resolve) => hanging.push(resolve));
		else if (answer !== "Answers") throw answer;
		return { metadata: { resourceVersion: "1" } };
	};
	const presence = new Presence({
		client: { patch } as unknown as PresenceOptions["client"],
		log: pino({ level: "silent" }),
		metrics: createMetrics(),
		recording: undefined,
		...{ operatorNamespace: "system", identity: "a test" },
		desks: {
			all: () => new Map([["a", deskOf({ mode: "Normal", estop: { devices: [pinOf("P")] } })]]),
			isReached: () => isReached,
			isCurrent: () => true,
		},
		devices: () => [device],
		isTripping: () => false,
		impostorsOf: () => [],
		lastPress: () => undefined,
		lastProofTest: () => undefined,
		lentBy: () => [],
		refusalOf: () => refusal,
	});
	return {
		...{ presence, device, said },
		annotations: () => said.map(({ metadata }) => metadata.annotations),
		answers: (next: Answer) => {
			answer = next;
			for (const release of hanging.splice(0)) release();
		},
		refuses: (why: string | undefined) => {
			refusal = why;
		},
		reached: (next: boolean) => {
			isReached = next;
		},
	};
}

test("the end of a sidecar is said after everything else, and what waits is said once", async (t) => {
	// Given a write of its Lease that is not answered
	const { presence, device, said, annotations, answers } = startWorld();
	answers("Hangs");
	presence.changed(device);
	await until("it is written", () => said.length === 1);
	// When much happens, and the sidecar ends on purpose
	for (let count = 0; count < 100; count += 1) presence.changed(device);
	const stopped = presence.stop();
	// Then nothing overtakes what is under way
	t.is(said.length, 1);
	answers("Answers");
	await stopped;
	t.deepEqual(
		annotations().map((each) => each[names.ended]),
		["false", "false", "true"],
	);
});

test("a Lease says that desks cannot be read only to a server that answers", async (t) => {
	const { presence, device, annotations, answers, reached } = startWorld();
	const say = async () => {
		const before = annotations().length;
		presence.changed(device);
		await until("it is written", () => annotations().length > before);
		return annotations().at(-1)?.[names.notArmed];
	};
	t.is(await say(), "");
	// Given a server that takes Leases and does not let desks be read, for some seconds
	reached(false);
	await until("its Lease says so", async () => (await say()) === "no API server answers");
	t.deepEqual(presence.problems(), ["P: no API server answers"]);
	// When it has answered nothing for some seconds, then what it may still take does not say so
	answers(new KubeError("TIMEOUT", "no answer"));
	const begunAt = performance.now();
	await until("some seconds have passed", () => performance.now() - begunAt > 3_500);
	t.is(await say(), "");
	t.deepEqual(presence.problems(), ["P: no API server answers"]);
	// When it answers again, and desks were not read yet, then its Lease does not say so either
	answers("Answers");
	t.deepEqual([await say(), await say()], ["", ""]);
	t.deepEqual(presence.problems(), ["P: no API server answers"]);
});

test("a desk that would refuse a raise is said, with its words, until it would not", (t) => {
	const { presence, refuses } = startWorld();
	t.deepEqual(presence.problems(), []);
	refuses("no");
	t.deepEqual(presence.problems(), ["P: desk a would refuse a raise: no"]);
	refuses(undefined);
	t.deepEqual(presence.problems(), []);
});

test("what happens at a device after the end is not said: its Lease goes on saying that this was on purpose", async (t) => {
	const { presence, device, annotations } = startWorld();
	await presence.stop();
	presence.changed(device);
	await new Promise(setImmediate);
	t.deepEqual(
		annotations().map((each) => each[names.ended]),
		["true"],
	);
});

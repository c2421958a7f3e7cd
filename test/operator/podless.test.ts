import test from "ava";
import type { Workload } from "../../core/observed.ts";
import { Podless } from "../../operator/podless.ts";

const workload = (uid: string): Workload => ({
	...{ apiVersion: "apps/v1", kind: "Deployment", name: uid, uid },
	...{ labels: {}, replicas: 1, ready: 0 },
});
const one = workload("one");

test("a workload without a pod is asked for after 10 s, then after twice as long, at most 300 s", (t) => {
	// Given one that never gets a pod, looked at each second
	const podless = new Podless();
	const asked: number[] = [];
	for (let second = 0; second <= 1_500; second++) {
		if (podless.due([one], "desk", second * 1_000).length > 0) asked.push(second);
	}
	// Then each pause is twice as long, up to 300 s
	t.deepEqual(asked, [10, 30, 70, 150, 310, 610, 910, 1_210]);
});

test("one that got a pod meanwhile starts over, and desks do not touch one another", (t) => {
	// Given two desks with one each
	const podless = new Podless();
	t.deepEqual(podless.due([one], "desk", 0), []);
	t.deepEqual(podless.due([one], "other", 0), []);
	// When that of one desk has a pod for a moment
	t.deepEqual(podless.due([], "desk", 5_000), []);
	t.deepEqual(podless.due([one], "desk", 6_000), []);
	// Then its time counts from there
	t.deepEqual(podless.due([one], "other", 10_000), [one]);
	t.deepEqual(podless.due([one], "desk", 15_999), []);
	t.deepEqual(podless.due([one], "desk", 16_000), [one]);
});

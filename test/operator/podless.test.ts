import test from "ava";
import type { Workload } from "../../core/observed.ts";
import { Podless } from "../../operator/podless.ts";

const workload = (uid: string): Workload => ({
	...{ apiVersion: "apps/v1", kind: "Deployment", name: uid, uid },
	...{ labels: {}, replicas: 1, ready: 0 },
});
const other = { workload: workload("other") };
const one = { workload: workload("one") };

test("a workload without a pod is asked for after 10 s, then after twice as long, at most 300 s", (t) => {
	// Given one that never gets a pod, looked at each second
	const podless = new Podless();
	const asked: number[] = [];
	for (let second = 0; second <= 1_500; second++) {
		if (podless.due([one], second * 1_000).length > 0) asked.push(second);
	}
	// Then each pause is twice as long, up to 300 s
	t.deepEqual(asked, [10, 30, 70, 150, 310, 610, 910, 1_210]);
});

test("one that got a pod meanwhile starts over, and its time with it", (t) => {
	// Given two
	const podless = new Podless();
	t.deepEqual(podless.due([one, other], 0), []);
	// When one of them has a pod for a moment
	t.deepEqual(podless.due([other], 5_000), []);
	t.deepEqual(podless.due([one, other], 6_000), []);
	// Then its time counts from there, and that of the other goes on
	t.deepEqual(podless.due([one, other], 10_000), [other]);
	t.deepEqual(podless.due([one, other], 15_999), []);
	t.deepEqual(podless.due([one, other], 16_000), [one]);
});

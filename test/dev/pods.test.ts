import test from "ava";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { newNamespace, sharedCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

type Pod = {
	readonly metadata: { readonly deletionTimestamp?: string };
	readonly status: { readonly phase: string };
};

/** A namespace and kubectl in it, as the administrator. */
async function desk() {
	const cluster = await sharedCluster();
	const namespace = await newNamespace("pods");
	const run = async (...args: string[]) => {
		const result = await kubectl(cluster, ["-n", namespace, ...args]);
		if (result.code !== 0) throw new Error(result.stderr);
		return result.stdout;
	};
	const pods = async () =>
		(JSON.parse(await run("get", "pods", "-o", "json")) as { readonly items: Pod[] }).items;
	return { run, pods };
}

test("a Deployment of three becomes ready on the simulated nodes", async (t) => {
	// Given a namespace
	const { run } = await desk();
	// When a Deployment is created
	await run("create", "deployment", "bots", "--image=bot", "--replicas=3");
	// Then three pods are available
	await until("three pods are available", async () => {
		return (await run("get", "deployment", "bots", "-o", "jsonpath={.status.availableReplicas}")) === "3";
	});
	t.pass();
});

for (const grace of [30, 2]) {
	test(`a pod deleted with a grace of ${grace} s takes at least a second to go, and at most a few`, async (t) => {
		// Given a running pod
		const { run, pods } = await desk();
		await run("run", "bot", "--image=bot");
		await until("the pod runs", async () => (await pods()).every((pod) => pod.status.phase === "Running"));
		// When it is deleted
		const start = performance.now();
		await run("delete", "pod", "bot", `--grace-period=${grace}`, "--wait=false");
		t.true((await pods())[0]?.metadata.deletionTimestamp !== undefined);
		await until("the pod is gone", async () => (await pods()).length === 0);
		// Then that took time, but not the whole grace
		const seconds = (performance.now() - start) / 1000;
		t.true(seconds >= 1, `gone after ${seconds} s`);
		t.true(seconds < 20, `gone after ${seconds} s`);
	});
}

test("a pod with a finalizer stays until the finalizer is removed", async (t) => {
	// Given two running pods, one with a finalizer
	const { run, pods } = await desk();
	await run("run", "held", "--image=bot", `--overrides={"metadata":{"finalizers":["example.com/hold"]}}`);
	await run("run", "free", "--image=bot");
	await until(
		"both run",
		async () => (await pods()).filter((pod) => pod.status.phase === "Running").length === 2,
	);
	// When both are deleted, and another one, later, has come and gone
	await run("delete", "pod", "held", "free", "--wait=false");
	await until("the free pod is gone", async () => (await pods()).length === 1);
	await run("run", "later", "--image=bot");
	await until(
		"the later pod runs",
		async () => (await pods()).filter((pod) => pod.status.phase === "Running").length > 1,
	);
	await run("delete", "pod", "later", "--wait=false");
	await until("the later pod is gone", async () => (await pods()).length === 1);
	// Then the held one is still terminating
	t.true((await pods())[0]?.metadata.deletionTimestamp !== undefined);
	// And goes when it is let go
	await run("patch", "pod", "held", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`);
	await until("it is gone", async () => (await pods()).length === 0);
});

test("a Job completes", async (t) => {
	// Given a namespace
	const { run } = await desk();
	// When a Job is created
	await run("create", "job", "once", "--image=bot");
	// Then it is reported as complete
	await until("the Job is complete", async () => {
		return (await run("get", "job", "once", "-o", "jsonpath={.status.succeeded}")) === "1";
	});
	t.pass();
});

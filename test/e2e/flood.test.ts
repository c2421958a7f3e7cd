import test, { type ExecutionContext } from "ava";
import { flowControlObjects } from "../../crds/flow-control.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { pathOf } from "../../kube/paths.ts";
import { deskPath } from "../../operator/resources.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { people } from "../operator/people.ts";
import { startReplica } from "../operator/replica.ts";
import { newNamespace, ownCluster } from "../support/cluster.ts";
import { type Flood, startFlood } from "../support/flood.ts";
import { startSlowWebhook } from "../support/slow-webhook.ts";
import { until } from "../support/until.ts";

const pods = 40;
/** How long each request of the flood keeps its place in the API server. */
const holdMilliseconds = 300;
const users = 8;
const schemas = pathOf({ group: "flowcontrol.apiserver.k8s.io", version: "v1", resource: "flowschemas" });
let cluster: Cluster;

test.before("an API server that serves 40 requests at a time", async () => {
	cluster = await ownCluster({
		controllerManagerRate: "High",
		extraFlags: {
			"kube-apiserver": ["--max-requests-inflight=20", "--max-mutating-requests-inflight=20"],
		},
	});
	await installApi(cluster);
});

/** Broken controllers and people: each creates config maps without a pause, and each of those takes its time. */
async function startStorm(t: ExecutionContext, desk: TestDesk) {
	const { admin } = desk;
	const namespace = await newNamespace("noise", { cluster });
	const webhook = await startSlowWebhook(cluster, holdMilliseconds);
	t.teardown(() => webhook.stop());
	const hooks = pathOf({
		group: "admissionregistration.k8s.io",
		version: "v1",
		resource: "validatingwebhookconfigurations",
	});
	await admin.create(hooks, {
		apiVersion: "admissionregistration.k8s.io/v1",
		kind: "ValidatingWebhookConfiguration",
		metadata: { name: namespace },
		webhooks: [
			{
				name: "slow.example.com",
				clientConfig: webhook.clientConfig,
				admissionReviewVersions: ["v1"],
				sideEffects: "None",
				failurePolicy: "Ignore",
				rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE"] }],
				namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
			},
		],
	});
	t.teardown(() => admin.delete(`${hooks}/${namespace}`));
	const group = "rbac.authorization.k8s.io";
	await admin.create(pathOf({ group, version: "v1", resource: "rolebindings", namespace }), {
		apiVersion: `${group}/v1`,
		kind: "RoleBinding",
		metadata: { name: "noise" },
		roleRef: { apiGroup: group, kind: "ClusterRole", name: "edit" },
		subjects: [{ kind: "Group", name: "noise", apiGroup: group }],
	});
	const accounts = Array.from({ length: users }, (_, index) => [
		{
			name: `system:serviceaccount:${namespace}:noise-${index}`,
			groups: ["system:serviceaccounts", "noise"],
		},
		{ name: `noise-${index}`, groups: ["noise"] },
	]);
	const kubeconfigs = await Promise.all(accounts.flat().map((user) => cluster.kubeconfigFor(user)));
	return async () => {
		const flood = await startFlood({
			kubeconfigs,
			inFlight: 10,
			requests: [
				{
					method: "POST",
					path: `/api/v1/namespaces/${namespace}/configmaps?dryRun=All`,
					body: { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "noise-" } },
				},
			],
		});
		t.teardown(() => flood.stop());
		return flood;
	};
}

/** Resolves when this many requests of a storm were answered: it has found its pace. */
async function blowing(storm: Flood, answers: number): Promise<void> {
	let answered = 0;
	await until("the storm blows", async () => {
		for (const count of Object.values(await storm.counts())) answered += count;
		return answered >= answers;
	});
}

test.serial("a storm of other requests delays neither a raise nor the halt", async (t) => {
	// Given a desk with two replicas, a person who raises, and a storm that fills the API server's places
	const desk = await TestDesk.create(t, { cluster });
	await desk.run({ name: "bots", replicas: pods });
	await startReplica(t, desk);
	await startReplica(t, desk);
	const { raiser } = await people(t, desk);
	await desk.govern({ targets: [target("bots", "Strategy")] });
	await desk.confirmed("Pause");
	const startStormNow = await startStorm(t, desk);

	/** Raises once; milliseconds until the raise was acknowledged, and until every pod was told. */
	const halt = async (stormy: boolean) => {
		for (const mode of ["Pause", "Normal"]) {
			if ((await desk.get()).spec.mode !== mode) await desk.lower(mode, `for round ${performance.now()}`);
			await desk.confirmed(mode);
		}
		await desk.ready("bots", pods);
		const storm = stormy ? await startStormNow() : undefined;
		if (storm !== undefined) await blowing(storm, 100);
		const startedAt = performance.now();
		await desk.patch({ mode: "Emergency" }, raiser.client);
		const raised = performance.now() - startedAt;
		await until(
			"every pod is told",
			async () => (await desk.pods()).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
			{ timeoutMilliseconds: 120_000 },
		);
		const told = performance.now() - startedAt;
		const seen = await storm?.counts();
		await storm?.stop();
		await desk.confirmed("Emergency", 120_000);
		t.log(`raised in ${raised.toFixed(0)} ms, told in ${told.toFixed(0)} ms`, seen ?? {});
		return { raised, told };
	};

	// When it is raised in quiet, in the storm, and in the storm without the levels of its own
	const quiet = await halt(false);
	const protectedOne = await halt(true);
	for (const { kind, metadata } of flowControlObjects() as { kind: string; metadata: { name: string } }[]) {
		if (kind === "FlowSchema") await desk.admin.delete(`${schemas}/${metadata.name}`);
	}
	t.teardown(() => installApi(cluster));
	const bare = await halt(true);
	// Then with them the storm makes little difference, and without them much
	t.true(protectedOne.told < 4 * quiet.told + 1_000, "the halt");
	t.true(protectedOne.raised < 4 * quiet.raised + 500, "the raise");
	t.true(bare.told > 2 * protectedOne.told, "without levels of its own");
});

test.serial(
	"a storm of raises by people without rights does not delay the raise of one who may",
	async (t) => {
		// Given a desk in Pause, a person who raises, and many who may not and try all the time
		const desk = await TestDesk.create(t, { cluster });
		const { raiser } = await people(t, desk);
		await desk.govern({ targets: [target("bots", "Strategy")] });
		const raise = async (id: string) => {
			const startedAt = performance.now();
			await desk.patch({ trip: { id } }, raiser.client);
			return performance.now() - startedAt;
		};
		const quiet = await raise("in quiet");
		const names = Array.from({ length: users }, (_, index) => `stranger-${index}`);
		const storm = await startFlood({
			kubeconfigs: await Promise.all(names.map((name) => cluster.kubeconfigFor({ name }))),
			inFlight: 20,
			requests: [{ method: "PATCH", path: deskPath(desk.namespace), body: { spec: { mode: "Emergency" } } }],
		});
		t.teardown(() => storm.stop());
		await blowing(storm, 1_000);
		// When that person raises again and again
		const stormy: number[] = [];
		for (let round = 0; round < 10; round += 1) stormy.push(await raise(`${round}`));
		const seen = await storm.counts();
		// Then each raise is taken within a moment, and the others are refused
		t.log(`${quiet.toFixed(0)} ms in quiet, then ${stormy.map((ms) => ms.toFixed(0)).join(", ")} ms`, seen);
		t.true(Math.max(...stormy) < 10 * quiet + 2_000);
		t.deepEqual(
			Object.keys(seen).filter((status) => !["403", "429"].includes(status)),
			[],
		);
		t.is((await desk.get()).spec.mode, "Pause");
	},
);

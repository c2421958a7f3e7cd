import test, { type ExecutionContext } from "ava";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { awaitPolicies, installApi } from "../../dev/install.ts";
import { Chance } from "../operator/chance.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

const names = ["bots", "strategy"];
const bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
/** An API server may take 30 s after its start to know the custom kinds, and refuses every pod until then. */
const restartMilliseconds = 180_000;
let cluster: Cluster;

test.before("a cluster whose servers may be restarted", async () => {
	cluster = await ownCluster();
	await installApi(cluster);
});

/** A desk in Normal with two replicas. */
async function normal(t: ExecutionContext) {
	// A test before may have restarted the API server.
	await awaitPolicies(cluster);
	const desk = await TestDesk.create(t, { cluster });
	await desk.run({ name: "bots", replicas: 4 }, { name: "strategy", replicas: 2 });
	const replicas = [await startReplica(t, desk), await startReplica(t, desk)] as const;
	// A server that has just started answers 503 until its policies know the custom resource.
	await until("the desk can be made", () =>
		desk.govern({ targets: [target("bots", "Bot"), target("strategy", "Strategy")] }),
	);
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, replicas, witness: await Witness.start(t, desk) };
}

/** Ready needs the fence proven, and that needs an API server that knows the custom kinds. */
function becomesReady(replica: Replica): Promise<unknown> {
	const options = { timeoutMilliseconds: restartMilliseconds };
	return until("the replica is ready", async () => (await replica.ready()).status === 200, options);
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
	test.serial(`the API server ends by ${signal} in a raise and in a restore, and comes back`, async (t) => {
		// Given a desk in Normal
		const chance = new Chance(t);
		const { desk, witness } = await normal(t);
		// When it is raised and the API server goes away at some moment of the halt
		const raised = await desk.patch({ mode: "Reduce" });
		await chance.moment(400);
		await cluster.restartApiServer(signal);
		// Then the halt is completed with the records of what ran
		await desk.confirmed("Reduce", restartMilliseconds);
		t.deepEqual(await desk.recorded(), ["bots=4", "strategy=2"]);
		await witness.catchUp();
		const late = witness.createdAfter(raised.metadata.resourceVersion, ...names);
		t.true(late.every((life) => life.goneAt !== undefined));
		t.deepEqual(witness.falseClaims(...names), []);
		// When it goes away at some moment of the restore, then that is completed too
		await until("it can be lowered", () => desk.lower("Normal"));
		await chance.moment(400);
		await cluster.restartApiServer(signal);
		await desk.confirmed("Normal", restartMilliseconds);
		await desk.ready("bots", 4);
		await desk.ready("strategy", 2);
		t.deepEqual(await desk.records(), []);
	});
}

test.serial(
	"an API server that has just started takes a raise that carries its author and reason",
	async (t) => {
		// Given a desk in Pause, set by its administrator
		const desk = await TestDesk.create(t, { cluster });
		await until("the desk can be made", () => desk.govern({ targets: [target("bots", "Bot")] }));
		const setBy = (await desk.get()).spec.setBy;
		t.truthy(setBy);
		// When the API server was restarted a moment ago
		await cluster.restartApiServer("SIGKILL");
		const raised = await desk.patch({ mode: "Emergency", setBy, reason: "loss" });
		// Then the raise is in the store with the first try, and nobody else's name is accepted
		t.like(raised.spec, { mode: "Emergency", setBy, reason: "loss" });
		await until("the stamp works again", () => desk.patch({ trip: { id: "t1" } }));
		t.like((await desk.patch({ trip: { id: "t2" }, setBy: "somebody" })).spec, { setBy });
	},
);

test.serial("a desk in the operator's own namespace is not governed", async (t) => {
	// Given a namespace that holds the operator and, the policies notwithstanding, a desk with bots
	await awaitPolicies(cluster);
	const desk = await TestDesk.create(t, { cluster });
	await desk.run({ name: "bots", replicas: 1 });
	await until("the desk can be made", () => desk.govern({ targets: [target("bots", "Bot")] }));
	// When an operator runs there
	const replica = await startReplica(t, desk, { args: ["--operator-namespace", desk.namespace] });
	await until("it says so", () =>
		replica.log.some(({ msg }) => /operator's own namespace.*not governed/.test(String(msg))),
	);
	// Then it stops nothing
	await replica.port();
	t.is((await desk.pods("bots")).filter((pod) => pod.metadata.deletionTimestamp === undefined).length, 1);
	t.is((await desk.get()).status, undefined);
});

test.serial("a replica without an API server says that it is not ready", async (t) => {
	// Given two replicas that are ready
	const { replicas } = await normal(t);
	for (const replica of replicas) await becomesReady(replica);
	// When the API server goes away
	await cluster.stopApiServer("SIGKILL");
	// Then both say so (after 2 s; a busy machine is given longer), and are ready again when it is back
	for (const replica of replicas) {
		await until("not ready", async () => (await replica.ready()).status === 503);
	}
	t.pass();
	await cluster.startApiServer();
	for (const replica of replicas) await becomesReady(replica);
});

test.serial(
	"with the bindings of the fence deleted a replica is not ready, says why, and enforces on",
	async (t) => {
		// Given a desk in Normal, and somebody who deletes what binds the fence
		const { desk, replicas, witness } = await normal(t);
		const [replica] = replicas;
		for (const policy of ["fence", "scaling"]) {
			await desk.admin.delete(`${bindings}/tradingsafety-${policy}-targets`);
		}
		t.teardown(() => installApi(cluster));
		// A busy machine may give it another reason beside this one, or before it.
		const open = new RegExp(
			`fence of namespace ${desk.namespace} is open.*tradingsafety-fence or its binding .*missing`,
		);
		await until("not ready for the open fence", async () => {
			const answer = await replica.ready();
			return answer.status === 503 && open.test(answer.text);
		});
		t.is((await fetch(`http://127.0.0.1:${await replica.port()}/healthz`)).status, 200);
		const fenced = await until("status says so", async () => {
			const found = await desk.condition("Fenced");
			return found?.status === "False" ? found : undefined;
		});
		t.is(fenced.reason, "FenceOpen");
		t.regex(fenced.message, /policy tradingsafety-fence or its binding/);
		// When the desk is raised
		await desk.patch({ mode: "Emergency" });
		// Then it is stopped and recorded, new pods are told to stop as they come, and nothing is claimed
		await until("everything is at zero", async () => {
			const all = await Promise.all(names.map((name) => desk.workload(name)));
			return all.every((workload) => workload.spec.replicas === 0) && (await desk.pods()).length === 0;
		});
		t.deepEqual(await desk.recorded(), ["bots=4", "strategy=2"]);
		await desk.apply({ name: "late", replicas: 1, labels: { app: "bots" } });
		await until("it is stopped", async () => (await desk.workload("late")).spec.replicas === 0);
		await until("its pods are gone", async () => (await desk.pods()).length === 0);
		t.is((await desk.condition("Confirmed"))?.status, "False");
		t.true((await desk.get()).status?.holds?.some(({ name }) => name === "FenceUnproven"));
		t.deepEqual(witness.falseClaims(...names), []);
		// When they are back, then it is confirmed and ready
		await installApi(cluster);
		await desk.confirmed("Emergency");
		await becomesReady(replica);
	},
);

test.serial("with a policy of the way down deleted, it is named", async (t) => {
	// Given a desk in Normal, and somebody who deletes the policy that guards lowering
	const { desk, replicas } = await normal(t);
	const policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
	await until("the guards refuse", async () => (await desk.condition("Guarded"))?.status === "True");
	await desk.admin.delete(`${policies}/tradingsafety-change`);
	t.teardown(() => installApi(cluster));
	// When the guards are tried, then it is named in status and log
	await until("it is named", async () => {
		const found = await desk.condition("Guarded");
		return found?.reason === "GuardOpen" && /policy tradingsafety-change/.test(found.message);
	});
	t.true(replicas.some(({ log }) => log.some(({ msg }) => msg === "the way down is not guarded")));
	// When it is back, then all is well
	await installApi(cluster);
	await until("the guards refuse again", async () => (await desk.condition("Guarded"))?.status === "True");
});

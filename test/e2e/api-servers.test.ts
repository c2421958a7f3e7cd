import test, { type ExecutionContext } from "ava";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import { type Cluster, startCluster } from "../../dev/cluster/cluster.ts";
import { freePorts } from "../../dev/cluster/ports.ts";
import { installApi } from "../../dev/install.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { podsPath } from "../../operator/resources.ts";
import { tracesOf } from "../dev/traces.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

/** The second API server: controllers and nodes use the first, so this is the one that may freeze. */
const second = "kube-apiserver-2";
let cluster: Cluster;

test.before("two API servers on one etcd", async () => {
	cluster = await ownCluster({ apiServers: 2 });
	await installApi(cluster);
});
test.afterEach.always("both go on", () => cluster.resume(second));

/** A desk in Normal with one replica, whose own API server is one of the two; it is told of the other. */
async function normal(t: ExecutionContext, own: 0 | 1) {
	const desk = await TestDesk.create(t, { cluster });
	await desk.run({ name: "bots", replicas: 4 }, { name: "strategy", replicas: 2 });
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const replica = await startReplica(t, desk, {
		kubeconfig: await cluster.at(own).kubeconfigForServiceAccount(account),
		args: ["--api-server", cluster.at(own === 0 ? 1 : 0).server],
	});
	await desk.govern({ targets: [target("bots", "Bot"), target("strategy", "Strategy")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, replica, witness: await Witness.start(t, desk) };
}

/** An administrator's client of the second API server. */
async function secondClient(t: ExecutionContext): Promise<Client> {
	const client = new Client(await connect(loadKubeConfig(cluster.at(1).kubeconfig)));
	t.teardown(() => client.close());
	return client;
}

async function isAdmitted(client: Client, desk: TestDesk): Promise<boolean> {
	const pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "new", labels: { app: "bots" } },
		spec: { containers: [{ name: "bot", image: "bot" }] },
	};
	try {
		await client.create(podsPath(desk.namespace), pod, { dryRun: "All" });
		return true;
	} catch (error) {
		if (isKubeError(error, "FORBIDDEN", "INVALID")) return false;
		throw error;
	}
}

/** The halt goes on although one API server is frozen, and says that it is not proven there. */
async function haltsUnproven(t: ExecutionContext, desk: TestDesk, witness: Witness, generation: number) {
	await until("everything is at zero", async () => {
		const all = await Promise.all(["bots", "strategy"].map((name) => desk.workload(name)));
		return all.every(({ spec }) => spec.replicas === 0) && (await desk.pods()).length === 0;
	});
	t.deepEqual(await desk.recorded(), ["bots=4", "strategy=2"]);
	const { status } = await until("status names the server that does not answer", async () => {
		const found = await desk.get();
		const fenced = found.status?.conditions?.find(({ type }) => type === "Fenced");
		return fenced?.reason === "ProbeFailed" && fenced.message.includes(cluster.at(1).server)
			? found
			: undefined;
	});
	const conditions = new Map(status?.conditions?.map((condition) => [condition.type, condition]));
	t.like(conditions.get("Fenced"), { status: "Unknown", observedGeneration: generation });
	t.like(conditions.get("Confirmed"), { status: "False", reason: "FenceUnproven" });
	t.true(status?.holds?.some(({ name }) => name === "FenceUnproven"));
	t.is(status?.clearance, undefined);
	await witness.catchUp();
	t.deepEqual(confirmedVersions(witness, generation), []);
}

/** The versions of the desk that claim, of this generation, that it is confirmed. */
function confirmedVersions(witness: Witness, generation: number) {
	return witness.versions.filter(({ metadata, status }) => {
		const confirmed = status?.conditions?.find(({ type }) => type === "Confirmed");
		return metadata.generation === generation && confirmed?.observedGeneration === generation
			? confirmed.status === "True"
			: false;
	});
}

test.serial("a raise at one API server is denied at the other, and confirmed once both deny", async (t) => {
	// Given a desk in Normal, and a client of each API server
	const { desk, witness } = await normal(t, 0);
	const other = await secondClient(t);
	t.true(await isAdmitted(other, desk));
	// When it is raised at the one
	await desk.patch({ mode: "Emergency" });
	// Then the other denies
	await until("the other denies", async () => !(await isAdmitted(other, desk)));
	await desk.confirmed("Emergency");
	t.false(await isAdmitted(other, desk));
	t.is((await desk.condition("Fenced"))?.status, "True");
	await witness.catchUp();
	t.deepEqual(witness.falseClaims("bots", "strategy"), []);
});

test.serial(
	"with the other API server frozen the halt goes on and is confirmed once that denies",
	async (t) => {
		// Given a desk in Normal, and the other API server frozen
		const { desk, witness } = await normal(t, 0);
		const other = await secondClient(t);
		t.true(await isAdmitted(other, desk));
		cluster.freeze(second);
		// When it is raised
		const raised = await desk.patch({ mode: "Emergency" });
		// Then everything stops, and nothing is claimed
		await haltsUnproven(t, desk, witness, raised.metadata.generation ?? 0);
		// When it goes on, with what it knew before, and somebody tries it all the time
		cluster.resume(second);
		const admitted: number[] = [];
		let confirmedAt: number | undefined;
		let after = 0;
		while (after < 20) {
			const triedAt = performance.now();
			if (await isAdmitted(other, desk)) admitted.push(triedAt);
			if (confirmedAt !== undefined) after += 1;
			else if ((await desk.condition("Confirmed"))?.status === "True") confirmedAt = performance.now();
		}
		// Then nothing was admitted there once it was said to be confirmed
		t.log(`${admitted.length} dry runs were admitted before that`);
		t.deepEqual(
			admitted.filter((at) => at > (confirmedAt ?? 0)),
			[],
		);
		await desk.confirmed("Emergency");
		await witness.catchUp();
		t.deepEqual(witness.falseClaims("bots", "strategy"), []);
		// When it is lowered, then everything comes back
		await desk.lower("Pause");
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await desk.ready("bots", 4);
	},
);

test.serial("with the replica's own API server frozen the halt goes on through the other", async (t) => {
	// Given a desk in Normal, and the API server that its only replica uses frozen
	const { desk, replica, witness } = await normal(t, 1);
	cluster.freeze(second);
	// When it is raised at the other
	const raised = await desk.patch({ mode: "Emergency" });
	// Then the replica goes over, everything stops, and nothing is claimed
	await haltsUnproven(t, desk, witness, raised.metadata.generation ?? 0);
	t.true(replica.log.some(({ msg, to }) => /does not answer/.test(String(msg)) && to === cluster.server));
	const unproven = `not proven: API server ${cluster.at(1).server}`;
	await until("it says which does not answer", async () => (await replica.ready()).text.includes(unproven));
	// When it goes on, then the halt is confirmed and can be ended
	cluster.resume(second);
	await desk.confirmed("Emergency");
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 4);
	await until("ready", async () => (await replica.ready()).status === 200);
});

test.serial("an API server that is gone for good holds until it is taken from the options", async (t) => {
	// Given a replica that was told of an API server that is not there
	const desk = await TestDesk.create(t, { cluster });
	await desk.run({ name: "bots", replicas: 2 });
	const [port] = await freePorts(1);
	const gone = `https://127.0.0.1:${port}`;
	const replica = await startReplica(t, desk, { args: ["--api-server", gone] });
	await desk.govern({ targets: [target("bots", "Bot")] });
	// When it has stopped everything
	await until("everything is at zero", async () => (await desk.workload("bots")).spec.replicas === 0);
	await until("nothing is left", async () => (await desk.pods()).length === 0);
	// Then the hold names that one
	await until("the hold names it", async () =>
		(await desk.get()).status?.holds?.some(
			({ name, message }) => name === "FenceUnproven" && message.includes(gone),
		),
	);
	t.is((await desk.condition("Confirmed"))?.status, "False");
	// When a replica runs without it, then it is confirmed
	await replica.end();
	await startReplica(t, desk);
	await desk.confirmed("Pause");
});

test.serial("a cluster with a frozen API server and a frozen warden ends and leaves nothing", async (t) => {
	// Given such a cluster
	const frozen = await startCluster({ apiServers: 2, nodes: 1 });
	const traces = tracesOf(frozen.dir);
	frozen.freeze(second);
	frozen.freeze("warden");
	// When it is stopped
	await frozen.stop();
	// Then nothing is left
	t.deepEqual(await traces(), []);
});

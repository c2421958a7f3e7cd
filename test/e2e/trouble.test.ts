import test, { type ExecutionContext } from "ava";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { Chance } from "../operator/chance.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Call, FaultProxy, pass, type Rule } from "../operator/proxy.ts";
import { startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

const targets = [target("risk", "Risk"), target("bots", "Bot"), target("ordered", "Bot")];
const stopped = ["bots", "ordered"] as const;
const longMilliseconds = 240_000;
let cluster: Cluster;

test.before("a cluster whose nodes may fall silent", async () => {
	cluster = await ownCluster();
	await installApi(cluster);
});

/** A desk in Normal with what it governs. */
async function normal(t: ExecutionContext, desk: TestDesk) {
	await desk.run(
		{ name: "risk", replicas: 1 },
		{ name: "bots", replicas: 6 },
		{ name: "ordered", kind: "StatefulSet", replicas: 2 },
	);
	await desk.govern({ targets });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return Witness.start(t, desk);
}

async function isRestored(t: ExecutionContext, desk: TestDesk): Promise<void> {
	await desk.confirmed("Normal", longMilliseconds);
	await desk.ready("bots", 6);
	await desk.ready("ordered", 2, "StatefulSet");
	t.deepEqual(await desk.records(), []);
}

/** Everything a replica asks, as it goes through. */
async function listening(t: ExecutionContext, desk: TestDesk) {
	const proxy = await FaultProxy.start(t, desk.cluster);
	const calls: Call[] = [];
	proxy.rule = (call) => {
		calls.push(call);
		return pass(call);
	};
	return { proxy, calls };
}

test.serial("a namespace that is deleted in a halt leaves nothing behind, and others go on", async (t) => {
	// Given two desks in Normal that one replica governs
	const doomed = await TestDesk.create(t, { cluster });
	const other = await TestDesk.create(t, { cluster });
	const { proxy, calls } = await listening(t, doomed);
	const replica = await startReplica(t, doomed, {
		kubeconfig: proxy.kubeconfig,
		args: ["--namespace", other.namespace],
	});
	await normal(t, other);
	await doomed.run({ name: "bots", replicas: 20 });
	await doomed.govern({ targets: [target("bots", "Bot")] });
	await doomed.confirmed("Pause");
	await doomed.lower("Normal");
	await doomed.confirmed("Normal");
	// When one is raised and its namespace deleted in the middle of that
	await doomed.patch({ mode: "Emergency" });
	const path = `/api/v1/namespaces/${doomed.namespace}`;
	await doomed.admin.delete(path);
	await until(
		"the namespace is gone",
		() =>
			doomed.admin.get(path).then(
				() => false,
				() => true,
			),
		{ timeoutMilliseconds: 120_000 },
	);
	// Then the replica lets go of it: no call goes there any more while the other desk is raised and lowered
	await until("it is let go", () => replica.log.some(({ msg }) => /the desk was deleted/.test(`${msg}`)));
	// With slashes: the lease of this test bears the name as well, elsewhere.
	const isThere = (call: Call) => call.path.includes(`/namespaces/${doomed.namespace}/`);
	const about = (from: number) => calls.slice(from).filter(isThere);
	await until(
		"no call has gone there for long",
		() => {
			const last = calls.findLastIndex(isThere);
			if (calls.length - last > 100) return true;
			throw new Error(`${calls.length - last} calls ago: ${calls[last]?.method} ${calls[last]?.path}`);
		},
		{ timeoutMilliseconds: 120_000 },
	);
	const quiet = calls.length;
	await other.patch({ mode: "Emergency" });
	await other.confirmed("Emergency");
	t.deepEqual(about(quiet), []);
	await other.lower("Pause");
	await other.confirmed("Pause");
	await other.lower("Normal");
	await isRestored(t, other);
	t.true(replica.running);
	t.deepEqual(about(quiet), []);
});

/** Raises and lowers by override, up and down and back to Normal, until 200 in a row took no more than 10 s. Returns how many it took. */
async function flipFast(t: ExecutionContext, desk: TestDesk): Promise<number> {
	const limits = { perSecond: 10_000, burst: 10_000 };
	const person = new Client(await connect(loadKubeConfig(desk.cluster.kubeconfig)), { limits });
	t.teardown(() => person.close());
	const doneAt = [performance.now()];
	const round = ["Pause", "Emergency", "Pause", "Normal", "Reduce", "Emergency", "Pause", "Normal"];
	return until(
		"200 changes took no more than 10 s",
		async () => {
			for (const mode of round) {
				await desk.patch({ mode, reason: `flip ${doneAt.length}` }, person);
				doneAt.push(performance.now());
			}
			const took = performance.now() - (doneAt.at(-201) ?? Number.NEGATIVE_INFINITY);
			if (took > 10_000) return undefined;
			const flips = doneAt.length - 1;
			t.log(`200 of ${flips} changes in ${Math.round(took)} ms`);
			return flips;
		},
		{ timeoutMilliseconds: longMilliseconds, intervalMilliseconds: 0 },
	);
}

for (const end of ["Emergency", "Normal"] as const) {
	test.serial(`two hundred changes of mode in ten seconds end in ${end}, with what ran`, async (t) => {
		// Given a desk in Normal
		const desk = await TestDesk.create(t, { cluster });
		const { proxy, calls } = await listening(t, desk);
		await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
		const witness = await normal(t, desk);
		const before = calls.length;
		// When somebody raises it and lowers it by override, up and down
		const flips = await flipFast(t, desk);
		if (end === "Emergency") await desk.patch({ mode: "Emergency", reason: "the end" });
		// Then it comes to rest where the last one left it, with everything recorded or restored
		if (end === "Normal") {
			await isRestored(t, desk);
		} else {
			await desk.confirmed("Emergency", longMilliseconds);
			t.deepEqual(await desk.recorded(), ["bots=6", "ordered=2"]);
			for (const name of stopped) t.deepEqual(await desk.pods(name), [], name);
		}
		// Then it took no more calls than a few for each change, and nothing was claimed too early
		const made = calls.length - before;
		t.log(`${made} calls`);
		t.true(made < flips * 20, `${made} calls`);
		await witness.catchUp();
		t.deepEqual(witness.falseClaims(...stopped), []);
		t.is(witness.livesOf("risk").length, 1);
		// Then it is in force, and lowers as ever
		if (end === "Emergency") {
			await desk.lower("Pause");
			await desk.confirmed("Pause");
			await desk.lower("Normal");
			await isRestored(t, desk);
		}
	});
}

/** Five calls in a hundred, watches too, are answered 500, two are never answered. */
const fiveAndTwo =
	(chance: Chance): Rule =>
	() => {
		const drawn = chance.next();
		if (drawn < 0.05) return { kind: "Answer", status: 500 };
		return drawn < 0.07 ? { kind: "Hang" } : { kind: "Pass" };
	};

test.serial("five in a hundred calls answered 500 and two never: both ways come to their end", async (t) => {
	// Given a desk in Normal whose two replicas have a bad connection
	const chance = new Chance(t);
	const desk = await TestDesk.create(t, { cluster });
	const proxies = [await FaultProxy.start(t, cluster), await FaultProxy.start(t, cluster)];
	for (const { kubeconfig } of proxies) await startReplica(t, desk, { kubeconfig });
	const witness = await normal(t, desk);
	for (const proxy of proxies) proxy.rule = fiveAndTwo(chance);
	for (const mode of ["Emergency", "Pause", "Reduce"]) {
		// When it is raised
		const raised = await desk.patch({ mode, reason: `to ${mode}` });
		// Then the halt is whole
		await desk.confirmed(mode, longMilliseconds);
		t.deepEqual(await desk.recorded(), ["bots=6", "ordered=2"]);
		for (const name of stopped) t.deepEqual(await desk.pods(name), [], name);
		await witness.catchUp();
		const late = witness.createdAfter(raised.metadata.resourceVersion, ...stopped);
		t.true(late.every((life) => life.goneAt !== undefined));
		// When it is lowered, then it is restored
		if (mode === "Emergency") {
			await desk.lower("Pause");
			await desk.confirmed("Pause", longMilliseconds);
		}
		await desk.lower("Normal");
		await isRestored(t, desk);
	}
	await witness.catchUp();
	t.deepEqual(witness.falseClaims(...stopped), []);
	for (const kind of ["Answer", "Hang"] as const) {
		t.true(proxies.reduce((sum, proxy) => sum + proxy.hits(kind), 0) > 0, kind);
	}
});

// Last: afterwards the nodes are behind.
test.serial("pods on nodes that fell silent are named with their node, and never confirmed", async (t) => {
	// Given a desk in Normal, and nodes that do not answer any more
	const desk = await TestDesk.create(t, { cluster });
	await startReplica(t, desk);
	const witness = await normal(t, desk);
	const { kwok } = cluster.pids();
	if (kwok === undefined) throw new Error("no nodes are played");
	process.kill(kwok, "SIGSTOP");
	t.teardown(() => process.kill(kwok, "SIGCONT"));
	// When the desk is raised
	await desk.patch({ mode: "Emergency" });
	// Then every pod is told, stays Terminating, and stands in status with its node
	const pods = await until("all are told", async () => {
		const all = [...(await desk.pods("bots")), ...(await desk.pods("ordered"))];
		const told = all.every(({ metadata }) => metadata.deletionTimestamp !== undefined);
		return all.length === 8 && told ? all : undefined;
	});
	const listed = await until("all are listed", async () => {
		const states = (await desk.get()).status?.targets ?? [];
		const names = states.flatMap(({ unconfirmed }) => unconfirmed ?? []);
		return names.length === 8 ? names : undefined;
	});
	for (const { metadata } of pods) {
		t.true(
			listed.some((text) => new RegExp(`^${metadata.name} on node-\\d+$`).test(text)),
			metadata.name,
		);
	}
	// Then owners are at zero, the hold stands, and looking again and again confirms nothing
	await until("the owners are at zero", async () => (await desk.workload("bots")).spec.replicas === 0);
	const first = (await desk.get()).status?.observedAt;
	await until("status was renewed", async () => (await desk.get()).status?.observedAt !== first);
	t.is((await desk.condition("Confirmed"))?.status, "False");
	t.true((await desk.get()).status?.holds?.some(({ name }) => name === "PodsLeft/bots"));
	// When the nodes answer again, then it is confirmed
	process.kill(kwok, "SIGCONT");
	await desk.confirmed("Emergency", longMilliseconds);
	await witness.catchUp();
	t.deepEqual(witness.falseClaims(...stopped), []);
});

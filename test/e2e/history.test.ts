import test, { type ExecutionContext } from "ava";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { awaitPolicies, installApi } from "../../dev/install.ts";
import { isKubeError } from "../../kube/error.ts";
import { administrator, TestDesk, target } from "../operator/desk.ts";
import { people } from "../operator/people.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { ownCluster } from "../support/cluster.ts";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/until.ts";

const hold = "HistoryRegressed";
const workloads = [
	{ name: "bots", replicas: 3 },
	{ name: "risk", replicas: 1 },
];
const targets = [target("risk", "Risk"), target("bots", "Bot")];
let started: Promise<Cluster> | undefined;

/** One cluster for all tests of this file: each has a desk of its own, and the store is exchanged under all. */
function cluster(): Promise<Cluster> {
	started ??= ownCluster().then(async (made) => {
		await installApi(made);
		return made;
	});
	return started;
}

/** A desk in Normal with two replicas; each starts again with what it was started with. */
async function governed(t: ExecutionContext, dirs: readonly (string | undefined)[]) {
	const on = await cluster();
	const desk = await TestDesk.create(t, { cluster: on });
	await desk.run(...workloads);
	// Asked for now: a token cannot be had while the cluster is down.
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const kubeconfig = await on.kubeconfigForServiceAccount(account);
	const start = (index: number) => {
		const dir = dirs[index];
		return startReplica(t, desk, { kubeconfig, args: dir === undefined ? [] : ["--state-dir", dir] });
	};
	const replicas = [await start(0), await start(1)];
	await desk.govern({ targets });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	keepKwokAwake(t, desk);
	return { on, desk, replicas, start };
}

/** Shows KWOK what it forgot while its API server was away, until the test ends. */
function keepKwokAwake(t: ExecutionContext, desk: TestDesk): void {
	let ended = false;
	let waking: Promise<void> = Promise.resolve();
	const timer = setInterval(() => {
		// The API server is away now and then: there will be a next time.
		if (!ended) waking = desk.wakeKwok().catch((error) => t.log(`KWOK: ${error}`));
	}, 2_000);
	t.teardown(async () => {
		ended = true;
		clearInterval(timer);
		await waking;
	});
}

async function holds(desk: TestDesk): Promise<readonly string[]> {
	return ((await desk.get()).status?.holds ?? []).map(({ name }) => name);
}

/** Waits until the desk is in Emergency again, all of it confirmed, with the hold. */
async function assertRecovered(t: ExecutionContext, desk: TestDesk): Promise<void> {
	const { spec, status } = await desk.confirmed("Emergency", 180_000);
	await until("the hold stands", async () => (await holds(desk)).includes(hold));
	t.is(spec.mode, "Emergency");
	t.regex(spec.reason ?? "", /^history went back/);
	t.is(spec.trip?.type, hold);
	t.regex(spec.trip?.detail?.remembered ?? "", /^Emergency at generation \d+/);
	t.is(status?.clearance, undefined);
	await until("it says so", async () => (await desk.condition("HistoryIntact"))?.reason === hold);
	t.deepEqual(await desk.pods("bots"), []);
	t.is((await desk.pods("risk")).length, 1);
	await until("an event tells it", async () =>
		(await desk.events()).some(({ reason, type }) => reason === hold && type === "Warning"),
	);
}

/** The hold forbids lowering until somebody answers for it, also after another press. */
async function assertHeldUntilAnswered(t: ExecutionContext, desk: TestDesk): Promise<void> {
	// When somebody presses again, the hold stays
	const { requester } = await people(t, desk);
	await desk.patch({ trip: { id: "another press" }, reason: "another press" });
	await desk.confirmed("Emergency");
	await until("it has settled", async () => (await holds(desk)).join() === hold);
	t.is((await desk.get()).spec.trip?.id, "another press");
	// When somebody with the right to reset lowers, it is denied
	const lowering = { mode: "Pause", reason: "checked positions", setBy: "rosa" };
	const denied = await desk.patch(lowering, requester.client).catch((error: unknown) => error);
	t.true(isKubeError(denied, "FORBIDDEN", "INVALID"), String(denied));
	t.regex(String(denied), /not cleared.*history went back/);
	// When it is asked for with the hold named, it is cleared and passes, and the hold is over
	const request = {
		...{ fromMode: "Emergency", toMode: "Pause", tripId: "another press" },
		...{ reason: lowering.reason, requestedBy: "rosa", acknowledgedHolds: [hold] },
	};
	await desk.patch({ resetRequest: request }, requester.client);
	await desk.cleared();
	await desk.patch({ ...lowering, resetRequest: null }, requester.client);
	await desk.confirmed("Pause");
	await until("the hold is over", async () => (await desk.get()).status?.regressed === undefined);
	await until("it says so", async () => (await desk.condition("HistoryIntact"))?.status === "True");
}

async function kill(replicas: readonly Replica[]): Promise<void> {
	await Promise.all(replicas.map((replica) => replica.end("SIGKILL")));
}

for (const { who, durable, victims } of [
	{ who: "two replicas that live through it, without a state directory", durable: false, victims: [] },
	{ who: "one that lives through it and one that is killed meanwhile", durable: true, victims: [1] },
	{ who: "two that are killed meanwhile", durable: true, victims: [0, 1] },
]) {
	test.serial(`a store restored to Normal in Emergency is led back to Emergency by ${who}`, async (t) => {
		t.timeout(600_000);
		// Given a desk in Emergency, and a copy of the store from when it was in Normal
		const dirs = durable
			? [temporaryFolder(t, "state"), temporaryFolder(t, "state")]
			: [undefined, undefined];
		const { on, desk, replicas, start } = await governed(t, dirs);
		const snapshot = await on.takeSnapshot();
		await awaitPolicies(on);
		// Signed, it needs no stamp, which an API server that has just started cannot give.
		await desk.patch({ mode: "Emergency", setBy: administrator, reason: "the halt" });
		await desk.confirmed("Emergency");
		t.deepEqual(await desk.recorded(), ["bots=3"]);
		// When the copy takes its place
		await on.restoreSnapshot(snapshot, async () => {
			await kill(victims.flatMap((index) => replicas[index] ?? []));
			for (const index of victims) replicas[index] = await start(index);
		});
		const upAt = performance.now();
		await until("it is raised", async () => (await desk.get()).spec.mode === "Emergency", {
			timeoutMilliseconds: 120_000,
		});
		t.log(`raised ${Math.round(performance.now() - upAt)} ms after the API server was ready`);
		// Then it is halted again, with the hold, and what ran is recorded
		await assertRecovered(t, desk);
		t.deepEqual(await desk.recorded(), ["bots=3"]);
		await awaitPolicies(on);
		// Then the hold ends only by somebody who answers for it, and all comes back
		await assertHeldUntilAnswered(t, desk);
		await desk.lower("Normal");
		await desk.confirmed("Normal", 120_000);
		for (const { name, replicas: n } of workloads) await desk.ready(name, n);
		await kill(replicas);
	});
}

test.serial(
	"a store restored to a moment of the halt before its records is halted as if for the first time",
	async (t) => {
		t.timeout(600_000);
		// Given a copy of the store from when the raise was there and no replica had seen it
		const dirs = [temporaryFolder(t, "state"), temporaryFolder(t, "state")];
		const { on, desk, replicas, start } = await governed(t, dirs);
		await kill(replicas);
		await desk.patch({ mode: "Emergency" });
		const snapshot = await on.takeSnapshot();
		await awaitPolicies(on);
		// When the halt is carried out, and the copy takes its place
		const later = [await start(0), await start(1)];
		await desk.confirmed("Emergency");
		t.deepEqual(await desk.recorded(), ["bots=3"]);
		await on.restoreSnapshot(snapshot);
		// Then it is halted again with what ran, nothing is guessed, and nothing holds: it was not milder
		await until("the owner is at zero", async () => (await desk.workload("bots")).spec.replicas === 0, {
			timeoutMilliseconds: 180_000,
		});
		await desk.confirmed("Emergency", 120_000);
		t.deepEqual(await desk.recorded(), ["bots=3"]);
		t.deepEqual((await desk.get()).status?.notRestored, []);
		t.false((await holds(desk)).includes(hold));
		await desk.lower("Pause");
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await desk.confirmed("Normal", 120_000);
		await desk.ready("bots", 3);
		await kill(later);
	},
);

test.serial(
	"a desk made anew in Pause, after its kind was deleted in Emergency, is raised to Emergency",
	async (t) => {
		t.timeout(600_000);
		// Given a desk in Emergency
		const { on, desk, replicas } = await governed(t, [
			temporaryFolder(t, "state"),
			temporaryFolder(t, "state"),
		]);
		await desk.patch({ mode: "Emergency" });
		await desk.confirmed("Emergency");
		t.deepEqual(await desk.recorded(), ["bots=3"]);
		// When somebody with every right deletes the kinds, and with them the desk and its records
		const kinds = ["tradingsafeties", "restorerecords"].map(
			(plural) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.tradingsafety.dev`,
		);
		for (const kind of kinds) {
			const metadata = { annotations: { "tradingsafety.dev/allow-removal": "true" } };
			await desk.admin.patch(kind, { metadata }, { type: "merge" });
			await desk.admin.delete(kind);
		}
		for (const kind of kinds) {
			await until(`${kind} is gone`, () =>
				desk.admin.get(kind).then(
					() => false,
					(error: unknown) => isKubeError(error, "NOT_FOUND"),
				),
			);
		}
		await until("a replica shouts", () =>
			replicas.some(({ log }) => log.some((line) => String(line.msg).startsWith("the definition is gone"))),
		);
		// When they are made anew, and the desk with them, in Pause
		await installApi(on);
		await desk.govern({ targets });
		// Then it is in Emergency again, with the hold
		await assertRecovered(t, desk);
		// Then what its records said is lost, and not guessed
		t.deepEqual(await desk.recorded(), []);
		const lost = (await desk.get()).status?.notRestored ?? [];
		t.true(
			lost.some((row) => row.name === "bots" && row.reason.startsWith("NoRecord")),
			JSON.stringify(lost),
		);
		await assertHeldUntilAnswered(t, desk);
		await desk.lower("Normal");
		await desk.confirmed("Normal", 120_000);
		t.is((await desk.workload("bots")).spec.replicas, 0);
		await kill(replicas);
	},
);

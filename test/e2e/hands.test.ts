import test, { type ExecutionContext } from "ava";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import { heldAtAnnotation } from "../../crds/vocabulary.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { deskPath, recordsPath } from "../../operator/resources.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { until } from "../support/until.ts";

const workloads = [
	{ name: "bots", replicas: 3 },
	{ name: "strategy", replicas: 1 },
];

/** A desk in a confirmed Pause with two replicas, and a client of the account that may observe. */
async function halted(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run(...workloads);
	await startReplica(t, desk);
	await startReplica(t, desk);
	await desk.govern({
		targets: [target("bots", "Bot"), target("strategy", "Strategy")],
		reset: { cooldownSeconds: 3_600 },
	});
	await desk.confirmed("Pause");
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const observer = new Client(
		await connect(loadKubeConfig(await desk.cluster.kubeconfigForServiceAccount(account)), { sockets: 2 }),
	);
	t.teardown(() => observer.close());
	const write = (status: object) =>
		observer.patch(deskPath(desk.namespace, "status"), { status }, { type: "merge" });
	return { desk, write, witness: await Witness.start(t, desk) };
}

const bad = ["banana", "9999-01-01T00:00:00Z", "-1", ""];

test("a status written by hand opens nothing, and is written anew", async (t) => {
	t.timeout(300_000);
	// Given a desk in Emergency with a long cooldown
	const { desk, write, witness } = await halted(t);
	const { metadata, status: good } = await desk.get();
	const held = (good?.targets ?? []).map(({ name, fencedAs }) => ({ name, fencedAs }));
	const nonsense: readonly object[] = [
		...bad.map((time) => ({ observedAt: time, trips: { last: { time } } })),
		...bad.map((word) => ({ modeInForce: word })),
		...[99, -3].map((observedGeneration) => ({ observedGeneration })),
		{ trips: { total: -9, byType: { Manual: -9 }, last: null } },
		{ trips: null },
		{ holds: [] },
		{ holds: [{ name: "Made up", message: "" }] },
		{ lastTransition: { generation: 99, to: "Normal", confirmedAt: "banana", restoredAt: "banana" } },
		{ history: [] },
		{ history: [{ generation: 99, from: "Emergency", to: "Normal", time: "banana" }] },
		{ notRestored: [{ kind: "Deployment", name: "nobody", reason: "NoRecord" }] },
		{ conditions: [] },
		{
			conditions: [
				{ type: "Confirmed", status: "True", lastTransitionTime: "banana", reason: "x", message: "x" },
				{ type: "Cleared", status: "True", lastTransitionTime: "banana", reason: "x", message: "x" },
			],
		},
		...bad.map((recordedAt) => ({
			targets: held.map((row) => ({ ...row, recordedAt, effective: "Run", unconfirmedCount: -1, pods: -1 })),
		})),
		{ targets: [...held, { name: "nobody", effective: "Run", pods: 7 }] },
	];
	// When each field is written by hand
	for (const status of nonsense) {
		await write(status);
		// Then it is repaired
		await until(`${JSON.stringify(status)} is repaired`, async () => {
			const { status: now } = await desk.get();
			const young = Math.abs(Date.parse(now?.observedAt ?? "") - Date.now()) < 60_000;
			const trip = Math.abs(Date.parse(now?.trips?.last?.time ?? "") - Date.now()) < 600_000;
			const rows = now?.targets ?? [];
			return (
				young &&
				trip &&
				now?.observedGeneration === metadata.generation &&
				now?.modeInForce === "Emergency" &&
				now.holds?.map(({ name }) => name).join() === "Cooldown" &&
				now.conditions?.length === good?.conditions?.length &&
				now.conditions?.every(({ lastTransitionTime }) => !Number.isNaN(Date.parse(lastTransitionTime))) &&
				now.notRestored?.length === 0 &&
				(now.history ?? []).every(({ generation }) => generation <= (metadata.generation ?? 0)) &&
				rows.length === 2 &&
				rows.every((row) => row.effective === "Stop" && row.pods === 0 && row.unconfirmedCount === 0) &&
				rows.every((row) => !Number.isNaN(Date.parse(row.recordedAt ?? "")))
			);
		});
	}
	// Then nothing was cleared, and nothing ran
	await witness.catchUp();
	t.true(witness.versions.every(({ status }) => status?.clearance === undefined));
	t.deepEqual(witness.createdAfter(metadata.resourceVersion, "bots", "strategy"), []);
});

test("a record can be edited only where that does no harm, and one that is deleted is never guessed", async (t) => {
	t.timeout(300_000);
	// Given a desk in Emergency
	const { desk, write } = await halted(t);
	const recordOf = async (name: string) => {
		const record = (await desk.records()).find(({ spec }) => spec.workload.name === name);
		return recordsPath(desk.namespace, record?.metadata.name);
	};
	const path = await recordOf("bots");
	// When somebody edits what it says, it is refused
	const edits = [
		{ replicas: 9 },
		{ target: "strategy" },
		{ workload: { uid: "another" } },
		{ generation: 99 },
	];
	for (const spec of edits) {
		const answer = await desk.admin.patch(path, { spec }, { type: "merge" }).catch((error: unknown) => error);
		t.true(isKubeError(answer, "INVALID"), JSON.stringify(spec));
	}
	// When somebody edits its annotation, and the desk is raised in the middle of the restore after that
	for (const heldAt of ["banana", "99"]) {
		const annotations = { [heldAtAnnotation]: heldAt };
		await desk.admin.patch(path, { metadata: { annotations } }, { type: "merge" });
		await desk.patch({ mode: "Pause", reason: `down after ${heldAt}` });
		await desk.patch({ mode: "Normal", reason: `further down after ${heldAt}` });
		await until("it is scaled up", async () => (await desk.workload("bots")).spec.replicas === 3);
		const raised = await desk.patch({ mode: "Emergency" });
		await desk.confirmed("Emergency");
		// Then it is claimed for that halt before its workload is stopped again
		const record = (await desk.records()).find(({ spec }) => spec.workload.name === "bots");
		t.is(record?.metadata.annotations?.[heldAtAnnotation], String(raised.metadata.generation));
	}
	t.deepEqual(await desk.recorded(), ["bots=3", "strategy=1"]);
	// When somebody makes status forget when it was recorded, and deletes it
	const { status } = await desk.get();
	const targets = (status?.targets ?? []).map((row) => ({ ...row, recordedAt: "2000-01-01T00:00:00Z" }));
	await write({ targets });
	await desk.admin.delete(await recordOf("bots"));
	// Then it is listed, and not guessed
	await until("it is listed", async () =>
		(await desk.get()).status?.notRestored?.some(
			({ name, reason }) => name === "bots" && reason.startsWith("NoRecord"),
		),
	);
	t.deepEqual(await desk.recorded(), ["strategy=1"]);
});

import test from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { Gates } from "./gates.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

test.serial(
	"a stage that does not get ready in its time raises the desk again, and nothing after it comes back",
	async (t) => {
		// Given a halted desk whose gateways will not get Ready any more
		t.timeout(180_000);
		const desk = await TestDesk.create(t);
		await desk.run({ name: "gateways", replicas: 1 }, { name: "bots", replicas: 2 });
		await startReplica(t, desk);
		await startReplica(t, desk);
		await desk.govern({
			targets: [target("bots", "Bot"), target("gateways", "Bot")],
			restore: { stageSeconds: 5 },
		});
		await desk.confirmed("Pause");
		await desk.admin.patch(
			`/apis/apps/v1/namespaces/${desk.namespace}/deployments/bots`,
			{ spec: { template: { spec: { nodeSelector: { none: "such" } } } } },
			{ type: "merge" },
		);
		// When it is lowered
		const { generation = 0 } = (await desk.lower("Normal")).metadata;
		// Then it is raised again, by the operator, with what failed
		const raised = await until("it is raised again", async () => {
			const now = await desk.get();
			return now.spec.mode === "Pause" && (now.metadata.generation ?? 0) > generation ? now : undefined;
		});
		t.regex(raised.spec.reason ?? "", /^RestoreFailed: target bots waits for Deployment bots to be Ready/);
		t.is(raised.spec.trip?.type, "RestoreFailed");
		t.is(raised.spec.trip?.detail?.stage, "bots");
		await desk.confirmed("Pause");
		const { status } = await desk.get();
		t.is(status?.trips?.byType?.RestoreFailed, 1);
		t.regex(status?.trips?.last?.by ?? "", /tradingsafety-operator/);
		// And what comes after the failed stage never came back
		t.is((await desk.workload("gateways")).spec.replicas, 0);
		t.is((await desk.workload("bots")).spec.replicas, 0);
		t.deepEqual(await desk.recorded(), ["bots=2", "gateways=1"]);
		// And once it is mended, all of it does
		await desk.admin.patch(
			`/apis/apps/v1/namespaces/${desk.namespace}/deployments/bots`,
			{ spec: { template: { spec: { nodeSelector: null } } } },
			{ type: "merge" },
		);
		await desk.lower("Normal");
		await desk.ready("bots", 2);
		await desk.ready("gateways", 1);
		await desk.confirmed("Normal");
	},
);

test.serial(
	"a stage that is Ready and does not acknowledge opens nothing after it, and raises the desk again",
	async (t) => {
		// Given a halted desk of bots and strategies that are told, and bots that start and answer nothing
		t.timeout(180_000);
		const desk = await TestDesk.create(t);
		await desk.run({ name: "bots", replicas: 2 }, { name: "strategies", replicas: 1 });
		const gates = await Gates.start(t, desk);
		await startReplica(t, desk, { gates: gates.file });
		const signal = { http: { port: 8090 }, ttlSeconds: 2 };
		await desk.govern({
			targets: [target("strategies", "Strategy", { signal }), target("bots", "Bot", { signal })],
			restore: { stageSeconds: 8 },
		});
		await desk.confirmed("Pause");
		const witness = await Witness.start(t, desk);
		const { resourceVersion } = (await desk.get()).metadata;
		gates.silence("bots");
		// When it is lowered
		const { generation = 0 } = (await desk.lower("Normal")).metadata;
		// Then the bots get Ready, and it is raised again with what they did not do
		await desk.ready("bots", 2);
		const raised = await until("it is raised again", async () => {
			const now = await desk.get();
			return now.spec.mode === "Pause" && (now.metadata.generation ?? 0) > generation ? now : undefined;
		});
		t.regex(
			raised.spec.reason ?? "",
			/^RestoreFailed: target bots waits for 2 pods to acknowledge their permit: bots-/,
		);
		t.is(raised.spec.trip?.type, "RestoreFailed");
		await desk.confirmed("Pause");
		// And nothing of the next stage was ever made
		await witness.catchUp();
		t.is(witness.createdAfter(resourceVersion, "bots").length, 2);
		t.deepEqual(witness.createdAfter(resourceVersion, "strategies"), []);
		// When they answer, and it is lowered again
		gates.hear("bots");
		await desk.lower("Normal");
		// Then no bot may open before the strategies are there, and in the end all may
		let early = 0;
		await until("all of it is back", async () => {
			const areOpen = (await gates.of("bots")).some(({ gate }) => gate.mayOpen());
			const strategies = await desk.pods("strategies");
			if (areOpen && strategies.length === 0) early += 1;
			const all = [...(await gates.of("bots")), ...(await gates.of("strategies"))];
			return all.length === 3 && all.every(({ gate }) => gate.mayOpen());
		});
		t.is(early, 0);
		await desk.confirmed("Normal");
	},
);

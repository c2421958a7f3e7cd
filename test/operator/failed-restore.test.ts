import test from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";

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

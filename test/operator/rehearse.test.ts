import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import test, { type ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

type WebhookKind = "Mutating" | "Validating";
type Rule = {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly operations: readonly string[];
};

/** A port of loopback on which nobody listens any more. */
async function closedPort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	await new Promise((resolve) => server.close(resolve));
	return port;
}

/** Makes a webhook for the desk's namespace alone that nobody answers. Returns how to take it away. */
async function deadWebhook(
	t: ExecutionContext,
	desk: TestDesk,
	kind: WebhookKind,
	rule: Rule,
): Promise<() => Promise<void>> {
	const configurations = `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`;
	const path = `${configurations}/${desk.namespace}`;
	let standing = true;
	const remove = async () => {
		if (standing) await desk.admin.delete(path);
		standing = false;
	};
	await desk.admin.create(configurations, {
		apiVersion: "admissionregistration.k8s.io/v1",
		kind: `${kind}WebhookConfiguration`,
		metadata: { name: desk.namespace },
		webhooks: [
			{
				name: "guard.corp.example",
				clientConfig: { url: `https://127.0.0.1:${await closedPort()}/` },
				rules: [{ ...rule, apiVersions: ["*"] }],
				namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": desk.namespace } },
				failurePolicy: "Fail",
				sideEffects: "None",
				admissionReviewVersions: ["v1"],
			},
		],
	});
	t.teardown(remove);
	return remove;
}

/** Waits until the condition says what was found by a rehearsal. */
function rehearsal(desk: TestDesk, status: string, message: RegExp): Promise<unknown> {
	return until(
		`Rehearsed is ${status} with ${message}`,
		async () => {
			const found = await desk.condition("Rehearsed");
			if (found?.status === status && message.test(found.message)) return found;
			throw new Error(JSON.stringify(found));
		},
		{ timeoutMilliseconds: 60_000 },
	);
}

/** A desk in Normal with one replica. */
async function normal(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 3 }, { name: "ordered", kind: "StatefulSet", replicas: 1 });
	const replica = await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot"), target("ordered", "Bot")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, replica };
}

for (const kind of ["Mutating", "Validating"] as const) {
	test.serial(`a ${kind} webhook that is down is named before a halt needs what it stops`, async (t) => {
		// Given a desk in Normal of which it was tried that a halt would get through
		const { desk, replica } = await normal(t);
		await rehearsal(
			desk,
			"True",
			/deleting a pod of target bots.*StatefulSet to zero.*RestoreRecord.*raising/,
		);
		const before = await desk.pods();
		// When a webhook stands in the way of deletions and is down
		const remove = await deadWebhook(t, desk, kind, {
			apiGroups: [""],
			resources: ["pods"],
			operations: ["DELETE"],
		});
		const [pod] = before;
		await until("it is in force", () =>
			desk.admin
				.delete(`/api/v1/namespaces/${desk.namespace}/pods/${pod?.metadata.name}`, { dryRun: ["All"] })
				.then(
					() => false,
					() => true,
				),
		);
		// A change of spec has it tried soon.
		await desk.patch({ trip: { id: "soon" } });
		// Then it is named, with what it would stop and what helps, in status, log and metrics
		await rehearsal(
			desk,
			"False",
			/deleting a pod of target bots, deleting a pod of target ordered: webhook guard\.corp\.example does not answer .*namespaceSelector/,
		);
		t.is((await desk.condition("Rehearsed"))?.reason, "WebhookDown");
		t.true(
			replica.log.some(({ msg, level }) => msg === "a halt would not get through" && Number(level) >= 50),
		);
		const metrics = await (await fetch(`http://127.0.0.1:${await replica.port()}/metrics`)).text();
		t.regex(metrics, /tradingsafety_rehearsals_total\{trial="DeletePod",result="refused"\} [1-9]/);
		t.regex(metrics, /tradingsafety_condition\{namespace="[^"]+",type="Rehearsed"\} 0/);
		// When it is gone, then nothing is said of it, and nothing was touched by all that trying
		await remove();
		await rehearsal(desk, "True", /deleting a pod of target bots/);
		t.deepEqual(
			(await desk.pods()).map(({ metadata }) => metadata.uid).sort(),
			before.map(({ metadata }) => metadata.uid).sort(),
		);
		t.deepEqual(await desk.records(), []);
		t.is((await desk.get()).spec.mode, "Normal");
	});
}

test.serial(
	"in a halt a webhook that stops scaling holds up no pod, and what is left is named",
	async (t) => {
		// Given a desk in Normal, and a webhook on the scale of Deployments that is down
		const { desk } = await normal(t);
		const witness = await Witness.start(t, desk);
		const remove = await deadWebhook(t, desk, "Mutating", {
			apiGroups: ["apps"],
			resources: ["deployments/scale"],
			operations: ["UPDATE"],
		});
		await until("it is in force", () =>
			desk.scaleByHand("bots", 3).then(
				() => false,
				() => true,
			),
		);
		// When the desk is raised
		await desk.patch({ mode: "Emergency" });
		// Then every pod is told and goes, and the workload that cannot be scaled is named
		await until("no pod is left", async () => (await desk.pods()).length === 0);
		await rehearsal(
			desk,
			"False",
			/halt is under way.*scaling Deployment bots to zero: webhook guard\.corp\.example/,
		);
		t.like(await desk.condition("Enforced"), { status: "False" });
		t.is((await desk.condition("Confirmed"))?.status, "False");
		t.is((await desk.workload("ordered", "StatefulSet")).spec.replicas, 0);
		t.deepEqual(await desk.recorded(), ["bots=3", "ordered=1"]);
		// When the webhook is gone, then the halt is completed
		await remove();
		await desk.confirmed("Emergency");
		t.is((await desk.workload("bots")).spec.replicas, 0);
		await witness.catchUp();
		t.deepEqual(witness.falseClaims("bots", "ordered"), []);
	},
);

test.serial("a quota that leaves no place for records is named", async (t) => {
	// Given a desk in Normal
	const { desk } = await normal(t);
	// When a quota of its namespace allows no record
	await desk.admin.create(`/api/v1/namespaces/${desk.namespace}/resourcequotas`, {
		apiVersion: "v1",
		kind: "ResourceQuota",
		metadata: { name: "few" },
		spec: { hard: { "count/restorerecords.tradingsafety.dev": "0" } },
	});
	await desk.patch({ trip: { id: "soon" } });
	// Then it is named
	await rehearsal(desk, "False", /creating a RestoreRecord: quota few/);
	t.is((await desk.condition("Rehearsed"))?.reason, "QuotaExceeded");
});

test.serial("somebody who may not lower is let through by no policy, and that is looked at", async (t) => {
	// Given a desk in Normal, and one in Emergency
	const { desk } = await normal(t);
	for (const mode of ["Normal", "Emergency"]) {
		if (mode !== "Normal") await desk.patch({ mode });
		const { metadata } = await desk.confirmed(mode);
		// When the guards of the way down are tried, then they refuse, and nothing was changed by it
		const found = await until("they were tried", async () => {
			const guarded = await desk.condition("Guarded");
			return guarded?.status === "True" ? guarded : undefined;
		});
		t.regex(found.message, /changing the configuration.*clearing/);
		t.is((await desk.get()).metadata.generation, metadata.generation);
		t.is((await desk.get()).spec.reset, undefined);
	}
});

import test, { type ExecutionContext } from "ava";
import { enforceLabel } from "../../crds/vocabulary.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

// Somebody with every right deletes the definition, in each way that the policies allow.

const definition =
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tradingsafeties.tradingsafety.dev";
const policy = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/tradingsafety-definitions";
const own = "tradingsafety-system";
/** As long as an API server may take to know a kind again that its policies refer to. */
const backMilliseconds = 120_000;
let cluster: Cluster;

test.before("a cluster whose definitions may be deleted", async () => {
	cluster = await ownCluster();
	await installApi(cluster);
});

/** A halted desk, a desk in Normal, and a replica that governs both. */
async function governed(t: ExecutionContext) {
	const halted = await TestDesk.create(t, { cluster });
	const normal = await TestDesk.create(t, { cluster, labels: { [enforceLabel]: "strict" } });
	await halted.run({ name: "bots", replicas: 2 });
	const replica = await startReplica(t, halted, { args: ["--namespace", normal.namespace] });
	for (const desk of [halted, normal]) {
		await desk.govern({ targets: [target("bots", "Bot")] });
		await desk.confirmed("Pause");
	}
	await normal.lower("Normal");
	await normal.confirmed("Normal");
	// Where the fence is strict nothing starts before there is a desk.
	await normal.run({ name: "bots", replicas: 2 });
	await halted.patch({ mode: "Emergency" });
	await halted.confirmed("Emergency");
	return { halted, normal, replica };
}

/** The first line that shouts. */
function shout(replica: Replica): Record<string, unknown> | undefined {
	return replica.log.find(({ msg, level }) => /the definition is gone/.test(`${msg}`) && level === 60);
}

async function metric(replica: Replica, name: string): Promise<string | undefined> {
	const text = await (await fetch(`http://127.0.0.1:${await replica.port()}/metrics`)).text();
	return text.split("\n").find((line) => line.startsWith(`${name} `));
}

const ways = {
	"after setting the annotation": (desk: TestDesk) =>
		desk.admin.patch(
			definition,
			{ metadata: { annotations: { "tradingsafety.dev/allow-removal": "true" } } },
			{ type: "merge" },
		),
	"after removing the policy that guards it": (desk: TestDesk) => desk.admin.delete(policy),
} as const;

for (const [way, prepare] of Object.entries(ways)) {
	test.serial(`the definition deleted ${way}: everything shouts, and the halt is enforced on`, async (t) => {
		// Given a desk in Emergency and one in Normal
		const { halted, normal, replica } = await governed(t);
		await until("ready", async () => (await replica.ready()).status === 200);
		await prepare(halted);
		t.teardown(() => installApi(cluster));
		// When a cluster administrator deletes the definition
		await until("it is let go", () =>
			halted.admin.delete(definition).then(
				() => true,
				() => false,
			),
		);
		const deletedAt = performance.now();
		// Then the replica says so at once, with the namespaces, in log, readiness, metric and events
		const line = await until("it shouts", () => shout(replica));
		const shoutedAfter = performance.now() - deletedAt;
		t.log(`after ${Math.round(shoutedAfter)} ms`);
		// Two seconds are meant; a machine that does much else at once takes more.
		t.true(shoutedAfter < 5_000);
		for (const { namespace } of [halted, normal]) t.true((line.namespaces as string[]).includes(namespace));
		const { status, text } = await replica.ready();
		t.is(status, 503);
		t.regex(text, /the definition tradingsafeties\.tradingsafety\.dev is gone.*apply crds\/generated/);
		t.is(await metric(replica, "tradingsafety_definition_served"), "tradingsafety_definition_served 0");
		for (const namespace of [halted.namespace, normal.namespace, own]) {
			await until(`there is an event in ${namespace}`, async () => {
				const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
				const { items } = await halted.admin.list<{ reason?: string; type?: string; note?: string }>(path);
				return items.some(
					({ reason, type, note }) =>
						reason === "DefinitionGone" &&
						type === "Warning" &&
						note?.includes(namespace === own ? normal.namespace : namespace),
				);
			});
		}
		// When somebody starts a bot of the halted desk, where the fence is open now
		await until("the definition is gone", () =>
			halted.admin.get(definition).then(
				() => false,
				() => true,
			),
		);
		await until("the fence is open", () =>
			halted.apply({ name: "late", replicas: 2, labels: { app: "bots" } }).then(
				() => true,
				() => false,
			),
		);
		// Then it is stopped, and what is in Normal runs on
		await until("the late one is at zero", async () => (await halted.workload("late")).spec.replicas === 0);
		await until("its pods are gone", async () => (await halted.pods()).length === 0);
		t.is((await normal.pods("bots")).length, 2);
		t.is((await normal.workload("bots")).spec.replicas, 2);
		// When the API server restarts without it, then the replica shouts on and enforces on
		await cluster.restartApiServer();
		await until("not ready, for that reason", async () => /is gone/.test((await replica.ready()).text));
		const fresh = await startReplica(t, halted, { args: ["--lease", `fresh-${halted.namespace}`] });
		await until("a replica that starts now shouts as well", () => shout(fresh));
		await fresh.end();
		// When the definition is back and the desks are made anew, as documented
		await installApi(cluster);
		for (const desk of [halted, normal]) {
			await until("the desk can be made", () => desk.govern({ targets: [target("bots", "Bot")] }), {
				timeoutMilliseconds: backMilliseconds,
			});
		}
		// Then both are governed, with what was recorded before: in Pause, but the one whose halt is remembered
		await normal.confirmed("Pause", backMilliseconds);
		const { status: recovered } = await halted.confirmed("Emergency", backMilliseconds);
		t.truthy(recovered?.regressed);
		t.true((await halted.recorded()).includes("bots=2"));
		t.deepEqual(await normal.recorded(), ["bots=2"]);
		await until("ready again", async () => (await replica.ready()).status === 200, {
			timeoutMilliseconds: backMilliseconds,
		});
		t.is(await metric(replica, "tradingsafety_definition_served"), "tradingsafety_definition_served 1");
		await normal.lower("Normal");
		await normal.confirmed("Normal");
		await normal.ready("bots", 2);
	});
}

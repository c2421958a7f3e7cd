import test, { type ExecutionContext } from "ava";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { EventRecorder } from "../../kube/events.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { LeaderElector } from "../../kube/lease.ts";
import type { KubeObject } from "../../kube/object.ts";
import { listPages } from "../../kube/pages.ts";
import { pathOf } from "../../kube/paths.ts";
import { Reflector } from "../../kube/reflector.ts";
import { ServiceAccountToken } from "../../kube/token.ts";
import { newNamespace, sharedCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { failureOf } from "./support.ts";

/** A client of the real API server's administrator, and a namespace of its own. */
async function startReal(t: ExecutionContext) {
	const { kubeconfig } = await sharedCluster();
	const namespace = await newNamespace("kube");
	const client = new Client(await connect(loadKubeConfig(kubeconfig)));
	t.teardown(() => client.close());
	const maps = pathOf({ group: "", version: "v1", resource: "configmaps", namespace });
	const create = (name: string, value: string) =>
		client.create<KubeObject>(maps, {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name },
			data: { value },
		});
	return { client, namespace, maps, create };
}

test("a reflector follows a real API server through pages, watches that end and a forced relist", async (t) => {
	// Given seven config maps, pages of three, and watches of one second.
	const { client, maps, create } = await startReal(t);
	for (let i = 0; i < 7; i += 1) await create(`m-${i}`, "old");
	const errors: unknown[] = [];
	const relists: string[] = [];
	const changes: string[] = [];
	const reflector = new Reflector<KubeObject & { readonly data?: { readonly value?: string } }, string>({
		client,
		path: maps,
		query: { fieldSelector: "metadata.name!=kube-root-ca.crt" },
		pageSize: 3,
		watchSeconds: 1,
		project: (object) => object.data?.value ?? "",
		onChange: ({ key, after }) => changes.push(`${key.replace(/.*\//, "")}=${after}`),
		onError: (error) => errors.push(error),
		onRelist: (reason) => relists.push(reason),
	});
	t.teardown(() => reflector.stop());
	reflector.start();
	await reflector.synced();
	t.is(reflector.rows.size, 7);
	// When they change while several watches come to their end, and once everything is listed again.
	const startedAt = performance.now();
	for (let n = 0; performance.now() - startedAt < 3_500; n += 1) {
		const patched = await client.patch<KubeObject>(
			`${maps}/m-0`,
			{ data: { value: String(n) } },
			{ type: "merge" },
		);
		reflector.observe(`${maps.split("/")[4]}/m-0`, patched);
		if (n === 20) reflector.relist("asked");
		const last = `m-0=${n}`;
		await until("the change arrived", () => changes.at(-1) === last);
	}
	await client.delete(`${maps}/m-6`);
	await until("the deletion arrived", () => changes.at(-1) === "m-6=undefined");
	// Then no change was missed or told twice, nothing else was listed, nothing failed.
	t.deepEqual(relists, ["start", "asked"]);
	t.deepEqual(errors, []);
	t.is(new Set(changes).size, changes.length);
	t.is(reflector.rows.size, 6);
});

test("conflicts, denials, dry runs and patches of a real API server have their codes", async (t) => {
	// Given a config map.
	const { client, maps, create } = await startReal(t);
	const first = await create("one", "a");
	const resourceVersion = first.metadata.resourceVersion;
	await client.patch(`${maps}/one`, { data: { value: "b" } }, { type: "merge" });
	// When things are done that cannot be, then the codes tell them apart.
	t.like(await failureOf(create("one", "b")), { code: "ALREADY_EXISTS", status: 409 });
	const stale = { metadata: { resourceVersion }, data: { value: "c" } };
	t.like(await failureOf(client.patch(`${maps}/one`, stale, { type: "merge" })), {
		code: "CONFLICT",
		status: 409,
	});
	const operations = [{ op: "test", path: "/data/value", value: "zzz" }];
	t.like(await failureOf(client.patch(`${maps}/one`, operations, { type: "json" })), { code: "INVALID" });
	t.like(await failureOf(client.get(`${maps}/none`)), { code: "NOT_FOUND", reason: "NotFound" });
	const wrongUid = { preconditions: { uid: "00000000-0000-0000-0000-000000000000" } };
	t.like(await failureOf(client.delete(`${maps}/one`, wrongUid)), { code: "CONFLICT" });
	const typo = { dta: { value: "x" } };
	const strict = { type: "merge", fieldValidation: "Strict" } as const;
	t.regex(String(await failureOf(client.patch(`${maps}/one`, typo, strict))), /unknown field/);
	// And a dry run stores nothing, an apply stores.
	const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "two" }, data: { value: "x" } };
	const apply = { type: "apply", fieldManager: "test", force: true } as const;
	await client.patch(`${maps}/two`, map, { ...apply, dryRun: true });
	t.like(await failureOf(client.get(`${maps}/two`)), { code: "NOT_FOUND" });
	await client.patch(`${maps}/two`, map, apply);
	t.like(await client.get(`${maps}/two`), { data: { value: "x" } });
});

test("pages of a real API server add up", async (t) => {
	// Given five config maps besides the one that every namespace has.
	const { client, maps, create } = await startReal(t);
	for (let i = 0; i < 5; i += 1) await create(`m-${i}`, "x");
	// When they are listed two at a time, then all are there, in one version.
	const names: string[] = [];
	const versions = new Set<string>();
	for await (const page of listPages<KubeObject>(client, maps, undefined, { pageSize: 2 })) {
		names.push(...page.items.map(({ metadata }) => metadata.name));
		versions.add(page.metadata.resourceVersion);
	}
	t.deepEqual(
		names.filter((name) => name.startsWith("m-")),
		["m-0", "m-1", "m-2", "m-3", "m-4"],
	);
	t.is(versions.size, 1);
});

test("two electors share a real lease, and the second takes over at once", async (t) => {
	// Given a leader with a lease of a minute and another elector.
	const { client, namespace } = await startReal(t);
	const errors: unknown[] = [];
	const elect = (identity: string) => {
		const onError = (error: unknown) => errors.push(error);
		const times = { leaseSeconds: 60, renewMilliseconds: 100, retryMilliseconds: 100 };
		const elector = new LeaderElector({ client, namespace, name: "leader", identity, onError, ...times });
		t.teardown(() => elector.stop());
		elector.start();
		return elector;
	};
	const first = elect("first");
	await until("the first leads", () => first.isLeader());
	const second = elect("second");
	// When the first stops, then the second leads.
	await first.stop();
	await until("the second leads", () => second.isLeader());
	t.false(first.isLeader());
	t.deepEqual(errors, []);
});

test("events and tokens are what a real API server accepts", async (t) => {
	// Given a service account that may read nothing, and a recorder.
	const { client, namespace } = await startReal(t);
	const token = new ServiceAccountToken({ client, namespace, name: "default" });
	const other = new Client(client.connection.withToken(token));
	t.teardown(() => other.close());
	const lost: unknown[] = [];
	const recorder = new EventRecorder({
		client,
		reportingController: "example.com/test",
		reportingInstance: "test-0",
		onLost: (_, cause) => lost.push(cause),
	});
	// When the account reads secrets, and an event is recorded.
	const secrets = pathOf({ group: "", version: "v1", resource: "secrets", namespace });
	const denied = await failureOf(other.list(secrets));
	const regarding = { apiVersion: "v1", kind: "Namespace", name: namespace, namespace };
	recorder.record({ regarding, type: "Warning", reason: "Tried", action: "Trying", note: "止".repeat(2000) });
	await recorder.stop({ deadlineMilliseconds: 10_000 });
	// Then the server knows the account, and has the event.
	t.like(denied, { code: "FORBIDDEN" });
	t.regex(String(denied), new RegExp(`system:serviceaccount:${namespace}:default`));
	t.deepEqual(lost, []);
	const events = pathOf({ group: "events.k8s.io", version: "v1", resource: "events", namespace });
	const { items } = await client.list<{ readonly reason?: string }>(events);
	t.true(items.some(({ reason }) => reason === "Tried"));
});

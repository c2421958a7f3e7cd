import test from "ava";
import type { KubeObject } from "../../kube/object.ts";
import { until } from "../support/until.ts";
import { startWatched } from "./reflector-support.ts";
import { pod, pods } from "./support.ts";

const deaf = { patienceMilliseconds: 100 };

function read(name: string, resourceVersion: string): KubeObject {
	return { metadata: { name, namespace: "desk", resourceVersion } };
}

test("a read that the watch does not deliver leads to a list", async (t) => {
	// Given a watch that is open and delivers nothing.
	const { server, client, reflector, relists, changes } = await startWatched(t, deaf);
	server.next("watch", (exchange) => exchange.open());
	server.store.put(pods, pod("a"));
	reflector.start();
	await reflector.synced();
	// When the pod changes and its owner reads it.
	server.store.put(pods, pod("a", "b"));
	reflector.observe("desk/a", await client.get<KubeObject>(`${pods}/a`));
	// Then it is listed.
	await until("the change arrived", () => changes.includes("~a=a>b"));
	t.regex(relists[1] ?? "", /did not deliver desk\/a/);
});

test("a deletion that the watch does not deliver leads to a list", async (t) => {
	// Given a watch that is open and delivers nothing.
	const { server, reflector, changes, relists } = await startWatched(t, deaf);
	server.next("watch", (exchange) => exchange.open());
	server.store.put(pods, pod("a"));
	reflector.start();
	await reflector.synced();
	// When the pod is deleted and its owner finds it gone.
	server.store.remove(`${pods}/a`);
	reflector.observe("desk/a", undefined);
	// Then the deletion is told.
	await until("the deletion arrived", () => changes.includes("-a=a"));
	t.regex(relists[1] ?? "", /its deletion/);
});

test("a read that agrees is noted, and one that the watch overtakes leads to nothing", async (t) => {
	// Given a live reflector with one pod, and patience enough for a slow machine.
	const { server, reflector, relists, changes } = await startWatched(t, { patienceMilliseconds: 3_000 });
	const stored = server.store.put(pods, pod("a"));
	reflector.start();
	await reflector.synced();
	// When the same version is read.
	reflector.observe("desk/a", stored);
	// Then that is noted as agreement.
	t.true((reflector.freshness().agreedAt ?? 0) > 0);
	// When the next version is read before the watch brings it, and once an older one after it did.
	reflector.observe("desk/a", read("a", String(Number(stored.metadata.resourceVersion) + 1)));
	server.store.put(pods, pod("a", "b"));
	await until("the watch brought it", () => changes.includes("~a=a>b"));
	reflector.observe("desk/a", stored);
	const second = server.store.get(`${pods}/a`);
	reflector.observe("desk/a", second);
	reflector.observe("desk/a", stored);
	// And again when it has moved on since the last old read.
	server.store.put(pods, pod("a", "c"));
	await until("the watch brought it", () => changes.includes("~a=b>c"));
	reflector.observe("desk/a", second);
	t.is(relists.length, 1);
	// Then nothing is listed, long after the patience for another key is over.
	reflector.observe("desk/b", read("b", "999999"));
	await until("the doubt about another key", () => relists.length > 1);
	t.regex(relists[1] ?? "", /desk\/b/);
});

test("two reads in a row that are older than the row mean that history went backwards", async (t) => {
	// Given a reflector whose watch is far ahead of what the server has after a restore of its data.
	const { server, reflector, changes, relists } = await startWatched(t, deaf);
	const old = server.store.put(pods, pod("a", "old"));
	server.next("watch", (exchange) => {
		exchange.open();
		const object = pod("a", "new");
		exchange.event("MODIFIED", { ...object, metadata: { ...object.metadata, resourceVersion: "900000" } });
	});
	reflector.start();
	await until("the row is ahead", () => reflector.rows.get("desk/a") === "new");
	// When the owner reads the old object twice.
	reflector.observe("desk/a", old);
	t.is(relists.length, 1);
	reflector.observe("desk/a", old);
	// Then it is listed, and the row is what the server has.
	await until("the row is back", () => reflector.rows.get("desk/a") === "old");
	t.is(changes.at(-1), "~a=new>old");
});

test("after history went back a row of the same version is told anew", async (t) => {
	// Given a reflector with a row
	const { server, reflector, changes } = await startWatched(t, deaf);
	const stored = server.store.put(pods, pod("a", "old"));
	server.next("watch", (exchange) => exchange.open());
	reflector.start();
	await reflector.synced();
	// When another history gives the same version to something else
	const { resourceVersion } = stored.metadata;
	const other = pod("a", "new");
	const items = [{ ...other, metadata: { ...other.metadata, resourceVersion } }];
	server.next("list", (exchange) =>
		exchange.answer({ status: 200, body: { kind: "List", metadata: { resourceVersion }, items } }),
	);
	reflector.relist("history went back", true);
	// Then it is told
	await until("the row is the new one", () => changes.includes("~a=old>new"));
	t.is(reflector.rows.get("desk/a"), "new");
});

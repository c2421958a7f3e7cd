import test from "ava";
import { isKubeError } from "../../kube/error.ts";
import type { Exchange } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { startWatched } from "./reflector-support.ts";
import { pod, pods } from "./support.ts";

test("rows follow the objects, in order", async (t) => {
	// Given two pods.
	const { server, reflector, changes, errors } = await startWatched(t);
	server.store.put(pods, pod("a"));
	server.store.put(pods, pod("b"));
	// When the reflector has synced, and pods are created, changed and deleted.
	reflector.start();
	await reflector.synced();
	server.store.put(pods, pod("c"));
	server.store.put(pods, pod("a", "x"));
	server.store.put(pods, pod("a", "y"));
	server.store.remove(`${pods}/b`);
	await until("the deletion arrived", () => changes.includes("-b=a"));
	// Then each change was told once, in order, and the rows are what the server has.
	t.deepEqual(changes, ["+a=a", "+b=a", "+c=a", "~a=a>x", "~a=x>y", "-b=a"]);
	t.deepEqual(
		[...reflector.rows],
		[
			["desk/a", "y"],
			["desk/c", "a"],
		],
	);
	t.deepEqual(errors, []);
	t.is(reflector.freshness().state, "watching");
	t.is(server.seen("watch")[0]?.query.get("allowWatchBookmarks"), "true");
	t.is(server.seen("watch")[0]?.query.get("timeoutSeconds"), "30");
});

test("a list comes in pages, and a page that expired starts over", async (t) => {
	// Given five pods, pages of two, and a second page that is asked for too late.
	const { server, reflector, errors } = await startWatched(t, { pageSize: 2 });
	for (const name of ["a", "b", "c", "d", "e"]) server.store.put(pods, pod(name));
	server.next(
		"list",
		(exchange) => server.serve(exchange),
		(exchange) => exchange.fail(410, "Expired", "the continue token is too old"),
	);
	// When the reflector syncs.
	reflector.start();
	await reflector.synced();
	// Then it has all five, after two and three pages.
	t.is(reflector.rows.size, 5);
	t.is(server.seen("list").length, 5);
	t.true(isKubeError(errors[0], "GONE"));
});

test("a second page that is slow meets its deadline and the list starts over", async (t) => {
	// Given pages of one, and a second page that is never answered.
	const { server, reflector, errors } = await startWatched(t, { pageSize: 1, listMilliseconds: 150 });
	server.store.put(pods, pod("a"));
	server.store.put(pods, pod("b"));
	server.next(
		"list",
		(exchange) => server.serve(exchange),
		() => {},
	);
	// When the reflector syncs, then it has both.
	reflector.start();
	await reflector.synced();
	t.is(reflector.rows.size, 2);
	t.true(isKubeError(errors[0], "TIMEOUT"));
});

test("a list that fails several times is tried again until it succeeds", async (t) => {
	// Given a server that fails in different ways.
	const { server, reflector, errors, states } = await startWatched(t);
	server.store.put(pods, pod("a"));
	server.next(
		"list",
		(exchange) => exchange.fail(500, "InternalError", "no"),
		(exchange) => exchange.fail(403, "Forbidden", "not yet"),
		(exchange) => exchange.answer({ status: 200, body: { kind: "Nonsense" } }),
		(exchange) => exchange.reset(),
		(exchange) => exchange.reset(),
		(exchange) => exchange.fail(503, "ServiceUnavailable", "starting"),
	);
	// When the reflector syncs, then it has the pod, and each failure was reported.
	reflector.start();
	await reflector.synced();
	t.is(reflector.rows.size, 1);
	const codes = errors.map((error) => (isKubeError(error) ? error.code : error));
	t.deepEqual(codes, ["SERVER", "FORBIDDEN", "MALFORMED", "CONNECTION", "SERVER"]);
	t.true(states.includes("waiting"));
});

test("a reset of the watch loses nothing and lists nothing again", async (t) => {
	// Given a watch that is reset once it has delivered a pod.
	const { server, reflector, changes } = await startWatched(t);
	let first: Exchange | undefined;
	server.next("watch", (exchange) => {
		first = exchange;
		server.serve(exchange);
	});
	reflector.start();
	await reflector.synced();
	server.store.put(pods, pod("a"));
	await until("the pod arrived", () => changes.length === 1);
	// When it is reset and pods come and go meanwhile.
	first?.reset();
	server.store.put(pods, pod("b"));
	server.store.remove(`${pods}/a`);
	await until("the deletion arrived", () => changes.length === 3);
	// Then all was told, from one list and the last version seen.
	t.deepEqual(changes, ["+a=a", "+b=a", "-a=a"]);
	t.is(server.seen("list").length, 1);
});

test("resets and clean closes in a row do not end it", async (t) => {
	// Given ten watches that end at once, in both ways.
	const { server, reflector, changes } = await startWatched(t);
	const reset = (exchange: Exchange) => exchange.reset();
	const close = (exchange: Exchange) => {
		exchange.open();
		exchange.end();
	};
	server.next("watch", reset, close, reset, reset, reset, close, close, reset, reset, reset);
	reflector.start();
	await reflector.synced();
	// When a pod is created after them, then it arrives.
	server.store.put(pods, pod("a"));
	await until("the pod arrived", () => changes.length === 1);
	t.is(server.seen("list").length, 1);
});

test("a watch that the server closes is opened again at once from the last version, for as long as it goes on", async (t) => {
	// Given a server that closes a quiet watch each second, as asked, and tells the version before.
	const { server, reflector, errors, changes } = await startWatched(t, { watchSeconds: 1 });
	const opened: { at: number; version: string | null }[] = [];
	const closedAt: number[] = [];
	server.always("watch", (exchange) => {
		opened.push({ at: performance.now(), version: exchange.request.query.get("resourceVersion") });
		exchange.onClose(() => closedAt.push(performance.now()));
		server.serve(exchange);
		exchange.event("BOOKMARK", { metadata: { resourceVersion: String(1000 + opened.length) } });
	});
	reflector.start();
	// When four watches have passed.
	await until("a fifth watch is open", () => opened.length === 5);
	// Then the pauses between them do not grow, each went on where the last ended, and nothing was listed again.
	for (let i = 0; i < 4; i += 1) t.true((opened[i + 1]?.at ?? 0) - (closedAt[i] ?? 0) < 500, `pause ${i}`);
	t.deepEqual(
		opened.slice(1).map(({ version }) => version),
		["1001", "1002", "1003", "1004"],
	);
	t.is(server.seen("list").length, 1);
	t.deepEqual(errors, []);
	t.deepEqual(changes, []);
});

test("a server that closes every watch at once is not asked in a hot loop", async (t) => {
	// Given such a server.
	const { server, reflector } = await startWatched(t);
	server.always("watch", (exchange) => {
		exchange.open();
		exchange.end();
	});
	// When ten watches have been tried.
	reflector.start();
	await until("ten watches", () => server.seen("watch").length >= 10);
	// Then they took their time: all but the first two came 100 ms apart.
	const times = server.seen("watch").map(({ at }) => at);
	t.true((times[9] ?? 0) - (times[1] ?? 0) > 8 * 90);
});

for (const [name, handler] of [
	["as status", (exchange: Exchange) => exchange.fail(410, "Expired", "too old resource version")],
	[
		"as ERROR event",
		(exchange: Exchange) => {
			exchange.open();
			exchange.event("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old" });
			exchange.end();
		},
	],
	[
		"as ERROR event of another kind",
		(exchange: Exchange) => {
			exchange.open();
			exchange.event("ERROR", { kind: "Status", code: 500, reason: "InternalError", message: "etcd" });
		},
	],
	[
		"as a line that is no JSON",
		(exchange: Exchange) => {
			exchange.open();
			exchange.raw('{"type":"ADDED","object":{"metad\n');
		},
	],
	[
		"as an unknown type of event",
		(exchange: Exchange) => {
			exchange.open();
			exchange.event("RENAMED", { ...pod("z"), metadata: { name: "z", resourceVersion: "1" } });
		},
	],
	[
		"as an event without resource version",
		(exchange: Exchange) => {
			exchange.open();
			exchange.event("ADDED", pod("z"));
		},
	],
] as const) {
	test(`doubt ${name}: everything is listed again, and what vanished in the gap is told`, async (t) => {
		// Given a synced reflector whose watch meets the fault after pods changed unseen.
		const { server, reflector, changes, relists } = await startWatched(t);
		server.store.put(pods, pod("gone"));
		server.store.put(pods, pod("kept"));
		server.next("watch", (exchange) => {
			server.store.remove(`${pods}/gone`);
			server.store.put(pods, pod("kept", "b"));
			server.store.put(pods, pod("new"));
			server.store.compact();
			handler(exchange);
		});
		// When it runs.
		reflector.start();
		await until("the deletion was told", () => changes.includes("-gone=a"));
		// Then the changes are told against the rows from before, and the watch goes on.
		t.deepEqual(changes, ["+gone=a", "+kept=a", "~kept=a>b", "+new=a", "-gone=a"]);
		t.is(relists.length, 2);
		server.store.put(pods, pod("later"));
		await until("the watch goes on", () => changes.at(-1) === "+later=a");
	});
}

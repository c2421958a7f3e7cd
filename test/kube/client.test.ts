import { KubeConfig } from "@kubernetes/client-node";
import test from "ava";
import { type CallRecord, Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { KubeError } from "../../kube/error.ts";
import { fromKubeConfig } from "../../kube/kubeconfig.ts";
import type { Exchange } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { failureOf, pod, pods, startWorld } from "./support.ts";

test("objects are created, read, patched and deleted", async (t) => {
	// Given an API server without pods.
	const { server, client } = await startWorld(t);
	// When a pod is created, patched and deleted.
	await client.create(pods, pod("bot"), { fieldManager: "test" });
	await client.patch(
		`${pods}/bot`,
		{ metadata: { labels: { label: "b" } } },
		{ type: "merge", dryRun: true },
	);
	const read = await client.get<{ metadata: { labels: { label: string } } }>(`${pods}/bot`);
	await client.delete(`${pods}/bot`, { gracePeriodSeconds: 2 });
	// Then the server has seen it and sent what it stored, and nothing is left.
	t.is(read.metadata.labels.label, "b");
	t.deepEqual((await client.list(pods)).items, []);
	const patch = server.seen("patch")[0];
	t.is(patch?.headers["content-type"], "application/merge-patch+json");
	t.is(patch?.query.get("dryRun"), "All");
	t.is(server.seen("create")[0]?.query.get("fieldManager"), "test");
	t.deepEqual(JSON.parse(server.seen("delete")[0]?.body ?? ""), { gracePeriodSeconds: 2 });
	t.is(patch?.headers.authorization, "Bearer not-a-secret");
});

for (const [status, reason, code] of [
	[400, "BadRequest", "INVALID"],
	[401, "Unauthorized", "UNAUTHORIZED"],
	[403, "Forbidden", "FORBIDDEN"],
	[404, "NotFound", "NOT_FOUND"],
	[409, "Conflict", "CONFLICT"],
	[409, "AlreadyExists", "ALREADY_EXISTS"],
	[410, "Expired", "GONE"],
	[422, "Invalid", "INVALID"],
	[500, "InternalError", "SERVER"],
] as const) {
	test(`status ${status} ${reason} is ${code}, with the whole message`, async (t) => {
		// Given a server that refuses with a long message.
		const { server, client } = await startWorld(t);
		const message = `policy says: ${"send the raise alone; ".repeat(200)}`;
		server.next("patch", (exchange) => exchange.fail(status, reason, message));
		// When something is patched.
		const error = await failureOf(client.patch(`${pods}/bot`, {}, { type: "merge" }));
		// Then the error has code, status and reason, and names the call and the server's words in full.
		t.true(error instanceof KubeError);
		t.like(error, { code, status, reason });
		t.true((error as KubeError).message.includes(message));
		t.true((error as KubeError).message.includes(`PATCH ${pods}/bot`));
	});
}

test("an error that is no Status shows its text", async (t) => {
	// Given a proxy that answers in its own way.
	const { server, client } = await startWorld(t);
	server.next("get", (exchange) => {
		exchange.answer({ status: 502, body: "bad gateway" });
	});
	// When something is read, then the text is in the message.
	const error = await failureOf(client.get(`${pods}/bot`));
	t.like(error, { code: "SERVER", status: 502 });
	t.regex(String(error), /bad gateway/);
});

test("an answer that is not JSON is MALFORMED", async (t) => {
	// Given a server that answers with half an object.
	const { server, client } = await startWorld(t);
	server.next("get", (exchange) => {
		exchange.open();
		exchange.raw('{"metadata":');
		exchange.end();
	});
	// When it is read, then the error says so.
	t.like(await failureOf(client.get(`${pods}/bot`)), { code: "MALFORMED" });
});

test("a call that is not answered ends at its deadline", async (t) => {
	// Given a server that never answers.
	const { server, client } = await startWorld(t);
	server.always("get", () => {});
	// When something is read with a deadline.
	const startedAt = performance.now();
	const error = await failureOf(client.get(`${pods}/bot`, undefined, { deadlineMilliseconds: 150 }));
	// Then the call fails about then.
	t.like(error, { code: "TIMEOUT" });
	t.true(performance.now() - startedAt < 5_000);
});

test("a call ends when its signal is aborted, also before it began", async (t) => {
	// Given a server that never answers, and a call under way.
	const { server, client } = await startWorld(t);
	server.always("get", () => {});
	const controller = new AbortController();
	const call = failureOf(client.get(`${pods}/bot`, undefined, { signal: controller.signal }));
	await until("the call has arrived", () => server.seen("get").length === 1);
	// When the signal is aborted.
	controller.abort();
	// Then the call fails, and so does one that begins with that signal, unseen by the server.
	t.like(await call, { code: "CANCELLED" });
	t.like(await failureOf(client.get(`${pods}/bot`, undefined, { signal: controller.signal })), {
		code: "CANCELLED",
	});
	t.is(server.seen("get").length, 1);
});

test("429 with Retry-After: a normal call waits as told and then succeeds", async (t) => {
	// Given a server that is busy once.
	const { server, client } = await startWorld(t);
	server.store.put(pods, pod("bot"));
	server.next("get", (exchange) => exchange.fail(429, "TooManyRequests", "busy", { "retry-after": "1" }));
	// When something is read.
	await client.get(`${pods}/bot`);
	// Then it was asked for twice, a second or more apart.
	const [first, second] = server.seen("get");
	t.true((second?.at ?? 0) - (first?.at ?? 0) >= 990);
});

test("429 with Retry-After: an emergency call comes back sooner than told", async (t) => {
	// Given a server that asks for 60 s, twice.
	const { server, client } = await startWorld(t);
	server.store.put(pods, pod("bot"));
	const busy = (exchange: Exchange) => exchange.fail(429, "TooManyRequests", "busy", { "retry-after": "60" });
	server.next("delete", busy, busy);
	// When a pod is deleted in an emergency.
	await client.delete(`${pods}/bot`, {}, { priority: "emergency" });
	// Then it is gone, after three requests.
	t.is(server.store.get(`${pods}/bot`), undefined);
	t.is(server.seen("delete").length, 3);
});

test("429 with a pause beyond the deadline fails at once with what the server said", async (t) => {
	// Given a server that asks for 60 s.
	const { server, client } = await startWorld(t);
	server.always("get", (exchange) => exchange.fail(429, "TooManyRequests", "busy", { "retry-after": "60" }));
	// When something is read.
	const startedAt = performance.now();
	const error = await failureOf(client.get(`${pods}/bot`));
	// Then the caller learns it before the deadline of 10 s.
	t.like(error, { code: "TOO_MANY_REQUESTS", retryAfterSeconds: 60 });
	t.true(performance.now() - startedAt < 5_000);
});

test("a reset is tried once more at once where that does no harm", async (t) => {
	// Given a server that resets the first request of each kind.
	const { server, client } = await startWorld(t);
	server.store.put(pods, pod("bot"));
	const reset = (exchange: Exchange) => exchange.reset();
	server.next("get", reset);
	server.next("delete", reset);
	server.next("create", reset);
	// When something is read, deleted and created.
	await client.get(`${pods}/bot`);
	await client.delete(`${pods}/bot`);
	const created = await failureOf(client.create(pods, pod("other")));
	// Then reading and deleting came through, and creating, which may have happened, is left to the caller.
	t.like(created, { code: "CONNECTION" });
	t.is(server.seen("create").length, 1);
});

test("a second reset is an error", async (t) => {
	// Given a server that resets everything.
	const { server, client } = await startWorld(t);
	server.always("get", (exchange) => exchange.reset());
	// When something is read, then it was tried twice and fails.
	t.like(await failureOf(client.get(`${pods}/bot`)), { code: "CONNECTION" });
	t.is(server.seen("get").length, 2);
});

test("normal calls are held to the rate, emergency calls are not, and pass hanging normal calls", async (t) => {
	// Given a rate that allows two calls, and both of them hanging.
	const { server, client } = await startWorld(t, {
		limits: { perSecond: 0.001, burst: 2, normalInFlight: 2, emergencyInFlight: 8 },
	});
	for (let i = 0; i < 30; i += 1) server.store.put(pods, pod(`bot-${i}`));
	server.always("get", () => {});
	const hanging = [1, 2].map(() =>
		failureOf(client.get(`${pods}/bot-1`, undefined, { deadlineMilliseconds: 20_000 })),
	);
	await until("both hang", () => server.seen("get").length === 2);
	// When a third normal call and thirty emergency calls are made.
	const third = failureOf(client.list(pods, undefined, { deadlineMilliseconds: 200 }));
	await Promise.all(
		Array.from({ length: 30 }, (_, i) => client.delete(`${pods}/bot-${i}`, {}, { priority: "emergency" })),
	);
	// Then the emergency is over, and the third waited in vain within its deadline.
	t.is(server.seen("delete").length, 30);
	t.like(await third, { code: "TIMEOUT" });
	t.is(server.seen("list").length, 0);
	await client.close();
	await Promise.all(hanging);
});

test("no more emergency calls are in flight than the bound allows", async (t) => {
	// Given a bound of 4 and a server that counts.
	const { server, client } = await startWorld(t, { limits: { emergencyInFlight: 4 } });
	const open: Exchange[] = [];
	server.always("delete", (exchange) => {
		open.push(exchange);
	});
	const calls = Array.from({ length: 12 }, (_, i) =>
		client.delete(`${pods}/bot-${i}`, {}, { priority: "emergency" }),
	);
	// When the requests are answered in groups, then each group has four.
	for (let group = 1; group <= 3; group += 1) {
		await until("a group has arrived", () => open.length >= 4);
		t.is(open.length, 4);
		for (const exchange of open.splice(0)) exchange.answer({ status: 200, body: {} });
	}
	await Promise.all(calls);
});

test("connections are kept, also after deletes with a body", async (t) => {
	// Given ten pods.
	const { server, client } = await startWorld(t);
	for (let i = 0; i < 10; i += 1) server.store.put(pods, pod(`bot-${i}`));
	// When they are deleted one after the other.
	for (let i = 0; i < 10; i += 1) await client.delete(`${pods}/bot-${i}`, { gracePeriodSeconds: 2 });
	// Then that took few connections: a second one where the first was not yet seen to be free.
	t.true(new Set(server.requests.map(({ fromPort }) => fromPort)).size <= 2);
});

test("warm() opens as many connections as asked for", async (t) => {
	// Given a client that has none, and a server that answers when all have arrived.
	const { server, client } = await startWorld(t);
	const waiting: Exchange[] = [];
	server.always("get", (exchange) => {
		waiting.push(exchange);
		if (waiting.length === 8) for (const each of waiting) each.answer({ status: 200, body: {} });
	});
	// When eight are asked for, then eight are open.
	await client.warm(8);
	t.is(new Set(server.requests.map(({ fromPort }) => fromPort)).size, 8);
});

test("every call is told to the hook", async (t) => {
	// Given a client with a hook.
	const records: CallRecord[] = [];
	const { client } = await startWorld(t, { onCall: (record) => records.push(record) });
	// When one call succeeds and one fails.
	await client.list(pods);
	const scale = "/apis/apps/v1/namespaces/desk/deployments/bot/scale";
	await failureOf(client.patch(scale, {}, { type: "merge" }, { priority: "emergency" }));
	// Then both are there.
	t.like(records, {
		0: { verb: "list", resource: "pods", code: "OK", priority: "normal" },
		1: { verb: "patch", resource: "deployments/scale", code: "NOT_FOUND", priority: "emergency" },
		length: 2,
	});
});

test("a second connection carries the token of a callback, asked for with each request", async (t) => {
	// Given a connection and a token that changes.
	const { server, client } = await startWorld(t);
	let number = 0;
	const other = new Client(
		client.connection.withToken({ get: async () => `token-${++number}`, forget: () => {} }),
	);
	t.teardown(() => other.close());
	// When two calls are made.
	await other.list(pods);
	await other.list(pods);
	// Then each carried the token of its time.
	const sent = server.seen("list").map((request) => request.headers.authorization);
	t.deepEqual(sent, ["Bearer token-1", "Bearer token-2"]);
});

test("a server under a path is reached there", async (t) => {
	// Given access to a server that has a path, as behind a proxy.
	const { server } = await startWorld(t);
	const access = await server.access().present();
	const present = async () => ({ ...access, server: new URL("/k8s/one/", access.server) });
	const client = new Client(await connect({ present, renew() {} }));
	t.teardown(() => client.close());
	server.always("get", (exchange) => exchange.answer({ status: 200, body: {} }));
	// When something is read, then the path is in front.
	await client.get("/version");
	t.is(server.requests[0]?.path, "/k8s/one/version");
});

test("a kubeconfig without a cluster, and one with a proxy, are refused in words", async (t) => {
	// Given two kubeconfigs that cannot work.
	const cluster = { name: "c", server: "https://127.0.0.1:1", skipTLSVerify: false };
	const proxied = new KubeConfig();
	proxied.loadFromClusterAndUser({ ...cluster, proxyUrl: "http://127.0.0.1:1" }, { name: "u" });
	const empty = new KubeConfig();
	empty.loadFromClusterAndUser(cluster, { name: "u" });
	empty.setCurrentContext("none");
	// When connecting, then both are refused.
	t.like(await failureOf(connect(fromKubeConfig(proxied))), { code: "CONFIG" });
	t.like(await failureOf(connect(fromKubeConfig(empty))), { code: "CONFIG" });
});

import test from "ava";
import { isKubeError } from "../../kube/error.ts";
import type { Exchange } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { startWatched } from "./reflector-support.ts";
import { pod, pods } from "./support.ts";

test("410 and then failing lists: it lists until it succeeds", async (t) => {
	// Given a watch that is too old and three lists that fail after it.
	const { server, reflector, changes } = await startWatched(t);
	const fail = (exchange: Exchange) => exchange.fail(500, "InternalError", "no");
	server.next("list", (exchange) => server.serve(exchange), fail, fail, fail);
	server.next("watch", (exchange) => exchange.fail(410, "Expired", "too old"));
	// When it runs and a pod is created.
	reflector.start();
	await until("the lists have failed", () => server.seen("list").length >= 4);
	server.store.put(pods, pod("a"));
	// Then the pod arrives.
	await until("the pod arrived", () => changes.includes("+a=a"));
	t.is(server.seen("list").length, 5);
});

test("429 on the watch: it comes back when told, from where it was", async (t) => {
	// Given a server that is busy once.
	const { server, reflector, changes } = await startWatched(t);
	server.next("watch", (exchange) => exchange.fail(429, "TooManyRequests", "busy", { "retry-after": "1" }));
	reflector.start();
	await until("it was refused", () => server.seen("watch").length === 1);
	// When a pod is created.
	server.store.put(pods, pod("a"));
	await until("the pod arrived", () => changes.length === 1);
	// Then it was not listed again, and the second watch came a second later.
	const [first, second] = server.seen("watch");
	t.true((second?.at ?? 0) - (first?.at ?? 0) >= 990);
	t.is(server.seen("list").length, 1);
});

test("a half-open watch is given up after its time and the margin, and nothing is lost", async (t) => {
	// Given a watch that is accepted and then silent for ever.
	const { server, reflector, changes, errors } = await startWatched(t, {
		watchSeconds: 1,
		marginMilliseconds: 100,
	});
	server.next("watch", (exchange) => exchange.open());
	reflector.start();
	await until("the watch is open", () => reflector.freshness().state === "watching");
	// When a pod is created.
	server.store.put(pods, pod("a"));
	// Then it arrives through the next watch.
	await until("the pod arrived", () => changes.length === 1);
	t.true(isKubeError(errors[0], "TIMEOUT"));
	const [first, second] = server.seen("watch");
	t.true((second?.at ?? 0) - (first?.at ?? 0) >= 1_000);
});

test("a watch that lives longer than was asked for is kept as long as something comes", async (t) => {
	// Given a watch that may be silent for 300 ms and goes on for much longer, with bookmarks.
	const { server, reflector, errors } = await startWatched(t, {
		watchSeconds: 0.2,
		marginMilliseconds: 100,
	});
	let watch: Exchange | undefined;
	server.next("watch", (exchange) => {
		watch = exchange;
		exchange.open();
	});
	reflector.start();
	const open = await until("the watch is open", () => watch);
	// When a second has passed.
	const startedAt = performance.now();
	await until("a second has passed", () => {
		open.event("BOOKMARK", { metadata: { resourceVersion: "500" } });
		return performance.now() - startedAt > 1_000;
	});
	// Then it still is the first.
	t.is(server.seen("watch").length, 1);
	t.deepEqual(errors, []);
});

test("a watch that delivers before each reset is opened again at once each time", async (t) => {
	// Given pauses of ten minutes from the second failure in a row, and watches that deliver and are reset.
	const { server, reflector, changes } = await startWatched(t, {
		backoff: { baseMilliseconds: 600_000, factor: 1, capMilliseconds: 600_000 },
	});
	server.always("watch", async (exchange) => {
		const before = changes.length;
		server.serve(exchange);
		server.store.put(pods, pod(`pod-${before}`));
		await until("it was delivered", () => changes.length > before);
		exchange.reset();
	});
	// When it runs, then the fifth comes without such a pause.
	reflector.start();
	await until("five were delivered", () => changes.length >= 5);
	t.is(server.seen("list").length, 1);
});

test("a watch that is never answered is given up", async (t) => {
	// Given a server that accepts the connection and nothing else.
	const { server, reflector, changes, errors } = await startWatched(t, { openMilliseconds: 100 });
	server.next("watch", () => {});
	reflector.start();
	await reflector.synced();
	// When a pod is created, then it arrives through the next watch.
	server.store.put(pods, pod("a"));
	await until("the pod arrived", () => changes.length === 1);
	t.true(isKubeError(errors[0], "TIMEOUT"));
});

import test from "ava";
import { isKubeError, KubeError } from "../../kube/error.ts";
import type { Exchange } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { startWatched } from "./reflector-support.ts";
import { failureOf, pod, pods } from "./support.ts";

/** A stored pod as one line of a watch. */
function line(name: string, label: string, version: number): Buffer {
	const object = pod(name, label);
	const metadata = { ...object.metadata, resourceVersion: String(version) };
	return Buffer.from(`${JSON.stringify({ type: "ADDED", object: { ...object, metadata } })}\n`);
}

test("lines and characters that are split over chunks, and several lines in one, are read whole", async (t) => {
	// Given a watch that sends three pods, one byte at a time and then all at once.
	const { server, reflector, changes, errors } = await startWatched(t);
	server.next("watch", async (exchange) => {
		exchange.open();
		for (const byte of line("a", "größer → 止", 200)) {
			exchange.raw(Uint8Array.of(byte));
			// Gives the server the chance to send each byte by itself.
			await new Promise((resolve) => setImmediate(resolve));
		}
		exchange.raw(Buffer.concat([line("b", "é", 201), Buffer.from("\n"), line("c", "x", 202)]));
	});
	// When they are read, then they are what was sent.
	reflector.start();
	await until("three pods arrived", () => changes.length === 3);
	t.deepEqual(changes, ["+a=größer → 止", "+b=é", "+c=x"]);
	t.deepEqual(errors, []);
});

for (const end of ["end", "reset"] as const) {
	test(`a watch cut in the middle of a line (${end}) goes on before that line`, async (t) => {
		// Given a watch that sends one pod and half of another.
		const { server, reflector, changes, errors } = await startWatched(t);
		let first: Exchange | undefined;
		server.next("watch", (exchange) => {
			first = exchange;
			exchange.open();
			exchange.raw(line("a", "a", 200));
			exchange.raw(line("b", "a", 201).subarray(0, 40));
		});
		server.next("watch", (exchange) => {
			exchange.open();
			exchange.raw(line("b", "a", 201));
		});
		reflector.start();
		await until("the first pod arrived", () => changes.length === 1);
		// When it is cut.
		first?.[end]();
		// Then the second pod arrives through a watch from the first one's version.
		await until("the second pod arrived", () => changes.length === 2);
		t.is(server.seen("watch")[1]?.query.get("resourceVersion"), "200");
		t.true(isKubeError(errors[0], "CONNECTION"));
		t.is(server.seen("list").length, 1);
	});
}

test("bookmarks move the version on and are proof of life", async (t) => {
	// Given a watch that sends nothing but a bookmark.
	const { server, reflector, changes } = await startWatched(t);
	let watch: Exchange | undefined;
	server.next("watch", (exchange) => {
		watch = exchange;
		exchange.open();
	});
	reflector.start();
	await until("the watch is open", () => reflector.freshness().state === "watching");
	const before = reflector.freshness().provenAt ?? Number.NaN;
	// When the bookmark comes and the watch ends.
	watch?.event("BOOKMARK", { kind: "Pod", metadata: { resourceVersion: "555" } });
	await until("it is noticed", () => (reflector.freshness().provenAt ?? 0) > before);
	watch?.end();
	await until("the next watch", () => server.seen("watch").length === 2);
	// Then the next watch begins there, and no row changed.
	t.is(server.seen("watch")[1]?.query.get("resourceVersion"), "555");
	t.deepEqual(changes, []);
});

test("a handler that throws is reported; the row stays and later events come", async (t) => {
	// Given a handler that throws for one pod, at once or later.
	const { server, reflector, errors } = await startWatched(t, {
		onChange: ({ key }) => {
			if (key === "desk/bad") throw new Error("handler failed");
		},
	});
	server.store.put(pods, pod("a"));
	server.store.put(pods, pod("bad"));
	reflector.start();
	await reflector.synced();
	// When other pods follow.
	server.store.put(pods, pod("bad", "b"));
	server.store.put(pods, pod("c"));
	// Then they are in the rows, and so is the one whose handler failed, twice.
	await until("the last row is there", () => reflector.rows.has("desk/c"));
	t.is(reflector.rows.get("desk/bad"), "b");
	t.is(errors.length, 2);
	t.is(server.seen("list").length, 1);
});

test("an object that cannot be projected is reported and does not stop the others", async (t) => {
	// Given a projection that throws for one pod.
	const { server, reflector, errors } = await startWatched(t, {
		project: (object) => {
			if (object.metadata.name === "bad") throw new Error("cannot project");
			return object.metadata.name;
		},
	});
	server.store.put(pods, pod("bad"));
	server.store.put(pods, pod("good"));
	// When it syncs, then the other is there.
	reflector.start();
	await reflector.synced();
	t.deepEqual([...reflector.rows.keys()], ["desk/good"]);
	t.regex(String(errors[0]), /cannot project/);
});

test("lists of an emergency do not wait for normal calls", async (t) => {
	// Given a server that hangs on reads, and as many normal reads as may be in flight.
	const { server, client, reflector } = await startWatched(t, { priority: "emergency" });
	server.always("get", () => {});
	const hanging = Array.from({ length: 20 }, (_, i) => failureOf(client.get(`${pods}/pod-${i}`)));
	await until("the lane is full", () => server.seen("get").length === 16);
	// When the reflector starts, then it syncs while they hang.
	reflector.start();
	await reflector.synced();
	t.is(server.seen("get").length, 16);
	await client.close();
	await Promise.all(hanging);
});

test("relist() lists at once, also during a pause", async (t) => {
	// Given a reflector that pauses for a long time.
	const { server, reflector, relists } = await startWatched(t, {
		backoff: { baseMilliseconds: 600_000, factor: 1, capMilliseconds: 600_000 },
	});
	const fail = (exchange: Exchange) => exchange.fail(500, "InternalError", "no");
	server.next("list", fail, fail);
	reflector.start();
	await until("it pauses", () => reflector.freshness().state === "waiting");
	// When a list is asked for, then it comes and syncs.
	reflector.relist("asked");
	await reflector.synced();
	t.is(relists.length, 3);
});

test("a relist that is asked for during a list is not lost", async (t) => {
	// Given a list under way.
	const { server, reflector, relists } = await startWatched(t);
	let list: Exchange | undefined;
	server.next("list", (exchange) => {
		list = exchange;
	});
	reflector.start();
	const exchange = await until("the list has arrived", () => list);
	// When another is asked for before the answer.
	reflector.relist("newer doubt");
	server.serve(exchange);
	// Then it follows.
	await until("it lists twice", () => server.seen("list").length === 2);
	t.deepEqual(relists, ["start", "newer doubt"]);
});

for (const [state, arrange] of [
	["listing", { list: () => {} }],
	[
		"waiting",
		{ list: (exchange: Exchange) => exchange.fail(429, "TooManyRequests", "busy", { "retry-after": "9" }) },
	],
	["watching", {}],
] as const) {
	test(`stop() ends promptly while ${state}`, async (t) => {
		// Given a reflector in that state.
		const { server, reflector } = await startWatched(t, { listMilliseconds: 1_000 });
		if ("list" in arrange) server.always("list", arrange.list);
		reflector.start();
		await until(`it is ${state}`, () => reflector.freshness().state === state);
		const synced = state === "watching" ? reflector.synced() : failureOf(reflector.synced());
		// When it is stopped.
		const startedAt = performance.now();
		await reflector.stop();
		// Then it is over soon, and whoever waits for the first list learns it.
		t.true(performance.now() - startedAt < 900);
		t.is(reflector.freshness().state, "stopped");
		if (state !== "watching") t.true((await synced) instanceof KubeError);
	});
}

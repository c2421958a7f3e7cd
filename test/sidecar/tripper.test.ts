import { randomUUID } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { FaultServer } from "../../kube/testing/fault-server.ts";
import type { StoredObject } from "../../kube/testing/object-store.ts";
import type { Raise } from "../../sidecar/raise.ts";
import { Tripper } from "../../sidecar/tripper.ts";
import { until } from "../support/until.ts";

const desks = (namespace: string) =>
	`/apis/tradingsafety.dev/v1alpha1/namespaces/${namespace}/tradingsafeties`;
const raiseTo = (mode: Raise["mode"]): Raise => ({
	mode,
	trip: { id: randomUUID(), source: "BOX-1", at: "2026-01-01T00:00:00.000Z", type: "Button" },
});

/** API servers that each have desks a and b in Normal, and a tripper that knows them all. */
async function startWorld(t: ExecutionContext, count = 1) {
	const servers = await Promise.all(Array.from({ length: count }, () => FaultServer.start()));
	for (const server of servers) {
		for (const namespace of ["a", "b"]) {
			server.store.put(desks(namespace), {
				apiVersion: "tradingsafety.dev/v1alpha1",
				kind: "TradingSafety",
				metadata: { name: "desk", namespace },
				spec: { mode: "Normal" },
			} as unknown as StoredObject);
		}
	}
	const clients = await Promise.all(
		servers.map(async (server) => new Client(await connect(server.access()))),
	);
	const shown: string[] = [];
	const failures: unknown[] = [];
	const tripper = new Tripper(clients, {
		onShown: (namespace) => shown.push(namespace),
		onFailed: (_namespace, _raise, _server, error) => failures.push(error),
	});
	t.teardown(async () => {
		tripper.stop();
		await Promise.all(clients.map((client) => client.close()));
		await Promise.all(servers.map((server) => server.stop()));
	});
	const desk = (namespace: string, server = servers[0]) =>
		server?.store.get(`${desks(namespace)}/desk`) as unknown as TradingSafety;
	return { servers, tripper, shown, failures, desk };
}

test("a raise is one patch of the mode and a trip of its own, also where the mode is that already", async (t) => {
	// Given a desk in Normal
	const { servers, tripper, desk, shown } = await startWorld(t);
	// When it is raised twice
	const [first, second] = [raiseTo("Emergency"), raiseTo("Emergency")];
	await tripper.raise("a", first);
	t.like(desk("a").spec, { mode: "Emergency", trip: first.trip });
	await tripper.raise("a", second);
	// Then both were written, each in one call, and nothing else was asked
	t.is(desk("a").spec.trip?.id, second.trip.id);
	t.deepEqual(
		servers[0]?.requests.map(({ verb }) => verb),
		["patch", "patch"],
	);
	t.deepEqual(shown, ["a", "a"]);
	t.false(tripper.isTripping());
});

test("a raise never lowers, and leaves nothing of an earlier trip", async (t) => {
	// Given a desk in Emergency, after a trip with details
	const { servers, tripper, desk } = await startWorld(t);
	const detailed = raiseTo("Emergency");
	await tripper.raise("a", { ...detailed, trip: { ...detailed.trip, detail: { loss: "7" } } });
	t.deepEqual(desk("a").spec.trip?.detail, { loss: "7" });
	// When it is raised to Pause
	const raise = raiseTo("Pause");
	await tripper.raise("a", raise);
	// Then it stays in Emergency, and has the new trip alone
	t.like(desk("a").spec, { mode: "Emergency", trip: raise.trip });
	t.false("detail" in (desk("a").spec.trip ?? {}));
	t.true(servers[0]?.seen("patch").every(({ body }) => body.includes('"mode":"Emergency"')));
});

test("a server that freezes is not waited for", async (t) => {
	// Given two API servers, the first of which takes calls and does not answer
	const { servers, tripper, desk, shown } = await startWorld(t, 2);
	const frozen = servers[0];
	frozen?.always("patch", () => {});
	const startedAt = performance.now();
	// When a desk is raised
	await tripper.raise("a", raiseTo("Emergency"));
	// Then the other has it, long before the first has run out of time
	t.is(desk("a", servers[1]).spec.mode, "Emergency");
	t.true(performance.now() - startedAt < 1_500);
	t.deepEqual(shown, ["a"]);
});

test("one desk does not wait for another", async (t) => {
	// Given an API server that answers nothing about desk a
	const { servers, tripper, desk } = await startWorld(t);
	servers[0]?.always("patch", (exchange) => {
		if (exchange.request.path.startsWith(desks("b"))) servers[0]?.serve(exchange);
	});
	// When both are raised, then b is
	void tripper.raise("a", raiseTo("Emergency"));
	await tripper.raise("b", raiseTo("Emergency"));
	t.is(desk("b").spec.mode, "Emergency");
	t.is(desk("a").spec.mode, "Normal");
	t.true(tripper.isTripping());
});

test("servers that are all away are asked until one is back", async (t) => {
	// Given two API servers that fail in every way
	const { servers, tripper, desk, failures } = await startWorld(t, 2);
	for (const server of servers) {
		server.next(
			"patch",
			(exchange) => exchange.reset(),
			(exchange) => exchange.reset(),
		);
		server.always("patch", (exchange) => exchange.fail(500, "InternalError", "no store"));
	}
	const raise = raiseTo("Emergency");
	const raised = tripper.raise("a", raise);
	await until("they were asked for a while", async () => failures.length >= 8);
	t.true(tripper.isTripping());
	// When one is back, then it has the raise
	servers[1]?.always("patch");
	await raised;
	t.is(desk("a", servers[1]).spec.trip?.id, raise.trip.id);
	t.true(failures.every((error) => isKubeError(error, "CONNECTION", "SERVER")));
});

test("a raise that is refused is told of, and tried again: rights may come back", async (t) => {
	const { servers, tripper, failures } = await startWorld(t);
	const refuse = (exchange: Parameters<NonNullable<Parameters<FaultServer["always"]>[1]>>[0]) =>
		exchange.fail(403, "Forbidden", "no");
	servers[0]?.next("patch", refuse, refuse, refuse);
	await tripper.raise("a", raiseTo("Emergency"));
	t.is(failures.filter((error) => isKubeError(error, "FORBIDDEN")).length, 3);
});

test("what a watch shows ends a raise whose answer was lost", async (t) => {
	// Given a server that stores a raise and never answers it
	const { servers, tripper, desk, shown } = await startWorld(t);
	const [server] = servers;
	server?.always("patch", ({ request }) => {
		server.store.patch(request.path, JSON.parse(request.body));
	});
	const raised = tripper.raise("a", raiseTo("Emergency"));
	await until("it is stored", async () => desk("a").spec.mode === "Emergency");
	// When somebody else's trip is seen, then that is not it; when this one is, it is
	tripper.see("a", { ...desk("a"), spec: { mode: "Emergency", trip: { id: "another" } } });
	t.deepEqual(shown, []);
	tripper.see("a", desk("a"));
	await raised;
	t.deepEqual(shown, ["a"]);
});

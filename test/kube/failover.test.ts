import test, { type ExecutionContext } from "ava";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { Failover } from "../../kube/failover.ts";
import type { KubeObject } from "../../kube/object.ts";
import { Reflector } from "../../kube/reflector.ts";
import { FaultServer } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { pod, pods } from "./support.ts";

/** Two servers, and a client that uses the first and may go over to the second. */
async function startPair(t: ExecutionContext) {
	const servers = [await FaultServer.start(), await FaultServer.start()] as const;
	const endpoints = await Promise.all(
		servers.map(async (server) => ({
			connection: await connect(server.access()),
			checks: await connect(server.access()),
		})),
	);
	const switches: string[] = [];
	const errors: string[] = [];
	const failover = new Failover(endpoints, {
		intervalMilliseconds: 20,
		patienceMilliseconds: 1_500,
		onSwitch: (from, to) => switches.push(`${from.origin} -> ${to.origin}`),
		onError: (server) => errors.push(server.origin),
	});
	const client = new Client(failover.connection);
	t.teardown(async () => {
		await failover.stop();
		await client.close();
		for (const { checks } of endpoints) await checks.close();
		for (const server of servers) await server.stop();
	});
	failover.start();
	return { servers, client, switches, errors };
}

test("a call under way at a server that freezes is answered by the other", async (t) => {
	// Given two servers with the same pod, the first of which answers nothing any more
	const { servers, client, switches } = await startPair(t);
	const [first, second] = servers;
	for (const server of servers) server.store.put(pods, pod("bot"));
	await client.get(`${pods}/bot`);
	first.always("get", () => {});
	first.always("delete", () => {});
	// When a pod is deleted
	await client.delete(`${pods}/bot`, {}, { deadlineMilliseconds: 20_000 });
	// Then the second has done it, and is used from then on
	t.is(first.seen("delete").length, 1);
	t.is(second.store.get(`${pods}/bot`), undefined);
	await client.list(pods);
	t.is(second.seen("list").length, 1);
	t.deepEqual(switches, [`${first.url} -> ${second.url}`]);
});

test("a watch goes on at the other server, and does not come back when the first does", async (t) => {
	// Given a reflector that watches at the first of two servers
	const { servers, client, switches, errors } = await startPair(t);
	const [first, second] = servers;
	const reflector = new Reflector<KubeObject, string>({
		client,
		path: pods,
		project: (object) => object.metadata.name,
		onChange: () => {},
		onError: () => {},
	});
	t.teardown(() => reflector.stop());
	reflector.start();
	await reflector.synced();
	await until("it watches", () => first.seen("watch").length === 1);
	// When the first says that it is not ready, and a pod appears at the second
	first.always("get", (exchange) => exchange.fail(500, "InternalError", "etcd failed"));
	await until("the second is used", () => switches.length === 1);
	second.store.put(pods, pod("bot"));
	// Then the reflector has it
	await until("the pod is seen", () => reflector.rows.size === 1);
	// When the first is ready again, and asked
	first.always("get");
	const asked = first.seen("get").length;
	await until("it was asked again", () => first.seen("get").length > asked + 3);
	// Then the second is still the one in use
	t.is(switches.length, 1);
	t.true(errors.includes(first.url));
});

test("while no server answers the one in use stays", async (t) => {
	// Given two servers that answer nothing
	const { servers, switches, errors } = await startPair(t);
	for (const server of servers) server.always("get", () => {});
	// When both were found so again and again
	await until("both failed", () => servers.every(({ url }) => errors.filter((e) => e === url).length > 0));
	const before = switches.length;
	await until("both failed again", () =>
		servers.every(({ url }) => errors.filter((e) => e === url).length > 2),
	);
	// Then nothing changes
	t.is(switches.length, before);
});

test("a connection with a token of its own goes over too", async (t) => {
	// Given a client with a token, at the first of two servers
	const { servers, client, switches } = await startPair(t);
	const [first, second] = servers;
	const leader = new Client(client.connection.withToken({ get: async () => "leader", forget: () => {} }));
	t.teardown(() => leader.close());
	await leader.list(pods);
	// When that one freezes
	first.always("get", () => {});
	await until("the second is used", () => switches.length === 1);
	await leader.list(pods);
	// Then the second sees its token
	t.is(second.seen("list")[0]?.headers.authorization, "Bearer leader");
});

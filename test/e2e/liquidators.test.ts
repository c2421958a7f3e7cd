import test from "ava";
import { TestDesk, target } from "../operator/desk.ts";
import { Gates } from "../operator/gates.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";

const signal = { http: { port: 8090 }, ttlSeconds: 1, ackMilliseconds: 500 };

/** A pod that somebody makes by hand. */
const byHand = (name: string) => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name, labels: { app: "liquidator" } },
	spec: { containers: [{ name: "bot", image: "bot" }] },
});

test.serial(
	"of several liquidators one may close positions, and the next only after the permit of the one before",
	async (t) => {
		// Given a desk in Emergency with a liquidator, and two that somebody starts by hand
		t.timeout(180_000);
		const desk = await TestDesk.create(t);
		const gates = await Gates.start(t, desk);
		await desk.run({ name: "bots", replicas: 1 });
		await desk.apply({ name: "liquidator", replicas: 0 });
		for (let replica = 0; replica < 2; replica++) await startReplica(t, desk, { gates: gates.file });
		await desk.govern({
			mode: "Emergency",
			targets: [target("bots", "Strategy"), target("liquidator", "Liquidator", { signal })],
			liquidation: { maxSlippageBps: 25, maxParticipation: 0.1 },
		});
		await desk.confirmed("Emergency");
		for (const name of ["hand-1", "hand-2"]) {
			await desk.admin.create(`/api/v1/namespaces/${desk.namespace}/pods`, byHand(name));
		}
		/** Those whose gates let them close positions now. */
		const closing = async () =>
			(await gates.of("liquidator"))
				.filter(({ gate }) => gate.permissions().reduce === "free")
				.map(({ pod }) => pod);
		/** How many may at most have closed at once, those whose pods are gone among them: a process may outlive its pod. */
		let most = 0;
		const watching = setInterval(() => {
			const may = gates.ever.filter(
				({ app, gate }) => app === "liquidator" && gate.permissions().reduce === "free",
			);
			most = Math.max(most, may.length);
		}, 5);
		t.teardown(() => clearInterval(watching));
		// When they have their permits
		await until("three liquidators are there", async () => (await gates.of("liquidator")).length === 3);
		const first = await until("one may close positions", async () => (await closing())[0]);
		t.is((await desk.get()).status?.liquidator?.name, first);
		// Then it is one, for as long as one looks
		const end = performance.now() + 3_000;
		await until("it was looked at for a while", () => performance.now() > end);
		t.deepEqual(await closing(), [first]);
		// And when its pod is deleted, then another one follows
		await desk.admin.delete(`/api/v1/namespaces/${desk.namespace}/pods/${first}`);
		const next = await until("another may", async () => (await closing()).find((name) => name !== first));
		t.deepEqual(await closing(), [next]);
		t.is((await desk.get()).status?.liquidator?.after, first);
		// And there were never two, and none was told to flatten, which it would do without a permit
		t.is(most, 1);
		t.deepEqual(
			gates.ever.filter(({ told }) => told.some(({ duties }) => duties.flatten !== undefined)),
			[],
		);
		// And all of them are gone before anything comes back
		await desk.lower("Pause");
		await desk.confirmed("Pause");
		t.deepEqual(await desk.pods("liquidator"), []);
		t.is((await desk.get()).status?.liquidator, undefined);
	},
);

test.serial("without a gateway that is Ready it is said that nothing can be closed", async (t) => {
	// Given a desk with a liquidator, and a gateway that goes on in Emergency
	t.timeout(180_000);
	const desk = await TestDesk.create(t);
	await desk.run({ name: "gateway", replicas: 1 });
	await desk.apply({ name: "liquidator", replicas: 0 });
	await startReplica(t, desk);
	await desk.govern({
		targets: [target("gateway", "Gateway"), target("liquidator", "Liquidator")],
		prometheus: { url: "http://127.0.0.1:9" },
		flat: { query: "risk_position", expectSeries: 1 },
	});
	await desk.confirmed("Pause");
	const is = (status: string, reason: string) =>
		until(`LiquidationImpossible is ${status}, ${reason}`, async () => {
			const found = await desk.condition("LiquidationImpossible");
			return found?.status === status && found.reason === reason ? found.message : undefined;
		});
	// When it is raised to Emergency
	await desk.patch({ mode: "Emergency" });
	await is("False", "GatewayReady");
	// And the gateway goes down: the fence lets no other one start
	const [gateway] = await desk.pods("gateway");
	await desk.admin.delete(`/api/v1/namespaces/${desk.namespace}/pods/${gateway?.metadata.name}`);
	// Then the condition says so, with what to do
	t.regex(await is("True", "GatewayNotReady"), /close positions at the venue by hand/);
	t.deepEqual((await desk.condition("Flat"))?.reason, "QueryFailed");
	t.not((await desk.condition("Confirmed"))?.status, "True");
});

import test, { type ExecutionContext } from "ava";
import { ensurePrometheus, startPrometheus } from "../../dev/monitoring/prometheus.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { Gates } from "../operator/gates.ts";
import { startReplica } from "../operator/replica.ts";
import { exporter } from "../support/exporter.ts";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/until.ts";

const told = (deadlineSeconds: number) =>
	target("bots", "Bot", {
		signal: { http: { port: 8090 }, ttlSeconds: 2, ackMilliseconds: 500 },
		onEmergency: { action: "Signal", stop: { deadlineSeconds } },
	});
const kept = (deadlineSeconds: number) =>
	target("gateways", "Gateway", { onEmergency: { action: "Keep", stop: { deadlineSeconds } } });
const flat = (expectSeries: number) => ({ query: "risk_position", expectSeries, maxAgeSeconds: 3 });
const patient = { timeoutMilliseconds: 60_000 };

/** A desk in Normal with two bots that are told and a gateway, and a Prometheus that scrapes an exporter. */
async function trading(t: ExecutionContext, spec: object, positions: Readonly<Record<string, number>>) {
	t.timeout(240_000);
	const desk = await TestDesk.create(t);
	const positionsExporter = await exporter(t, positions);
	const prometheus = await startPrometheus(
		temporaryFolder(t, "prometheus"),
		{ positions: [positionsExporter.port] },
		{ scrapeMilliseconds: 500 },
	);
	t.teardown(prometheus.stop);
	const gates = await Gates.start(t, desk);
	await desk.run({ name: "bots", replicas: 2 }, { name: "gateways", replicas: 1 });
	const replicas = [
		await startReplica(t, desk, { gates: gates.file }),
		await startReplica(t, desk, { gates: gates.file }),
	];
	await desk.govern({ prometheus: { url: prometheus.url }, ...spec });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await gates.open("bots", 2, true);
	await until("permits reach the bots", async () => {
		return (await desk.get()).status?.targets?.find(({ name }) => name === "bots")?.signalled === "Admit";
	});
	return { desk, exporter: positionsExporter, prometheus, gates, replicas };
}

async function conditionIs(desk: TestDesk, type: string, status: string, reason: string): Promise<string> {
	return until(
		`${type} is ${status}, ${reason}`,
		async () => {
			const { metadata, status: seen } = await desk.get();
			const found = seen?.conditions?.find((condition) => condition.type === type);
			const isSo = found?.observedGeneration === metadata.generation && found?.reason === reason;
			return isSo && found?.status === status ? found.message : undefined;
		},
		patient,
	);
}

test.before("Prometheus is built, which takes minutes once", async (t) => {
	t.timeout(900_000);
	await ensurePrometheus();
	t.pass();
});

test.serial(
	"Emergency: told bots and kept gateways go on until the desk is flat, and are stopped then",
	async (t) => {
		// Given a desk that holds something
		const { desk, exporter, gates } = await trading(
			t,
			{ targets: [told(300), kept(300)], flat: flat(2) },
			{ BTC: 5, ETH: -2 },
		);
		// When Emergency is asked for
		await desk.patch({ mode: "Emergency" });
		await gates.open("bots", 2, false);
		// Then it is not confirmed, and says what is held
		t.regex(await conditionIs(desk, "Flat", "False", "NotFlat"), /2 series are not at zero: .*BTC.* 5/);
		await conditionIs(desk, "Confirmed", "False", "NotFlat");
		exporter.values.set("BTC", 0);
		await until("one is left", async () => {
			return (await conditionIs(desk, "Flat", "False", "NotFlat")).startsWith("1 series");
		});
		t.is((await desk.pods("bots")).length, 2);
		t.is((await desk.pods("gateways")).length, 1);
		// And when the last is closed, then all of them are stopped, and it is confirmed
		exporter.values.set("ETH", 0);
		await conditionIs(desk, "Flat", "True", "Flat");
		await until("nobody is left", async () => (await desk.pods()).length === 0, patient);
		await desk.confirmed("Emergency");
		t.truthy((await desk.get()).status?.lastTransition?.flatAt);
		// And when the exporter ends with its bots, then what was seen stands
		exporter.end();
		await until(
			"its samples are too old",
			async () => {
				return (await conditionIs(desk, "Flat", "True", "Flat")).includes("0 of 2 series seen since");
			},
			patient,
		);
		await desk.confirmed("Emergency");
		// And all of it comes back
		await desk.lower("Pause");
		await desk.lower("Normal");
		await desk.ready("bots", 2);
		await desk.ready("gateways", 1);
		await desk.confirmed("Normal");
		t.deepEqual(await desk.records(), []);
	},
);

test.serial(
	"exporters that end before they were seen flat prove nothing: the deadline stops, a person lowers",
	async (t) => {
		// Given a desk that holds something, with a short deadline
		const { desk, exporter } = await trading(
			t,
			{
				targets: [told(6), kept(6)],
				flat: flat(1),
				ordersCancelled: { query: "orders_resting", expectSeries: 1 },
			},
			{ BTC: 5 },
		);
		// When its exporter ends in Emergency
		await desk.patch({ mode: "Emergency" });
		await conditionIs(desk, "Flat", "False", "NotFlat");
		exporter.end();
		// Then nothing is claimed; the deadline stops all of it
		await conditionIs(desk, "Flat", "Unknown", "SeriesMissing");
		await until("nobody is left", async () => (await desk.pods()).length === 0, patient);
		t.regex(
			await conditionIs(desk, "Confirmed", "False", "SeriesMissing"),
			/Flat is not seen: 0 of 1 series/,
		);
		await conditionIs(desk, "OrdersCancelled", "Unknown", "SeriesMissing");
		// And the holds stand until somebody who looked at the venue takes responsibility for them
		const holds = (await desk.get()).status?.holds?.map(({ name }) => name);
		t.deepEqual(holds, ["NotSeen/Flat", "NotSeen/OrdersCancelled"]);
		const { metadata } = await desk.get();
		await desk.patch({
			resetRequest: {
				fromMode: "Emergency",
				toMode: "Pause",
				reason: "flat, says the venue",
				requestedBy: "admin",
				acknowledgedHolds: holds,
			},
		});
		await until("it is cleared", async () => {
			const { status } = await desk.get();
			return (status?.clearance?.generation ?? 0) > (metadata.generation ?? 0);
		});
	},
);

test.serial(
	"a Prometheus that does not answer, or not to that, is named, and everything else goes on",
	async (t) => {
		// Given a desk whose query is no selector
		const { desk, prometheus } = await trading(
			t,
			{ targets: [told(300), kept(5)], flat: { ...flat(1), query: "sum(risk_position)" } },
			{ BTC: 0 },
		);
		// When it is halted
		await desk.patch({ mode: "Emergency" });
		// Then the condition says what to mend
		t.regex(
			await conditionIs(desk, "Flat", "Unknown", "QueryFailed"),
			/sum\(risk_position\).*: check spec\.prometheus\.url and spec\.flat\.query$/,
		);
		await until(
			"the gateway is stopped at its deadline",
			async () => {
				return (await desk.pods("gateways")).length === 0;
			},
			patient,
		);
		t.is((await desk.pods("bots")).length, 2);
		// And with a query that is one, then one that nobody answers
		await desk.patch({ flat: { query: "risk_position" } });
		await conditionIs(desk, "Flat", "True", "Flat");
		await until("the bots are stopped", async () => (await desk.pods("bots")).length === 0, patient);
		await prometheus.stop();
		await conditionIs(desk, "Flat", "True", "Flat");
	},
);

import test, { type ExecutionContext } from "ava";
import { podsPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { Gates, type Manner } from "./gates.ts";
import { startReplica } from "./replica.ts";

/** A machine that runs other tests may let a gate wait for longer than the default. */
const signal = { http: { port: 8090 }, ttlSeconds: 2, ackMilliseconds: 2_000 };
const patience = { timeoutMilliseconds: 120_000 };

/** A desk in Normal whose bots are told by permits. */
async function trading(
	t: ExecutionContext,
	options: {
		readonly apps?: Readonly<Record<string, number>>;
		readonly manners?: Readonly<Record<string, Manner>>;
		readonly more?: object;
		readonly replicas?: number;
	} = {},
) {
	const desk = await TestDesk.create(t);
	const { apps = { bots: 2 }, more = {} } = options;
	await desk.run(...Object.entries(apps).map(([name, replicas]) => ({ name, replicas })));
	const gates = await Gates.start(t, desk, { ...(options.manners && { manners: options.manners }) });
	const started = Array.from({ length: options.replicas ?? 1 }, () =>
		startReplica(t, desk, { gates: gates.file }),
	);
	const replicas = await Promise.all(started);
	await desk.govern({
		targets: Object.keys(apps).map((name) => target(name, "Bot", { signal, ...more })),
	});
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	return { desk, gates, replicas };
}

const signalled = async (desk: TestDesk, name: string) =>
	(await desk.get()).status?.targets?.find((row) => row.name === name)?.signalled;

test.serial("bots that answer are told and go on, and trade again when the desk is lowered", async (t) => {
	// Given a desk in Normal with two bots that are told by permits
	const { desk, gates } = await trading(t, { replicas: 2 });
	await desk.confirmed("Normal");
	await gates.open("bots", 2, true);
	await until("Signal is available", async () => (await signalled(desk, "bots")) === "Admit");
	const before = (await desk.pods("bots")).map((pod) => pod.metadata.uid);
	// When it is raised to Pause
	await desk.patch({ mode: "Pause" });
	// Then they may not open any more, all of them acknowledged that, and none was stopped
	await gates.open("bots", 2, false);
	const { status } = await desk.confirmed("Pause");
	t.is(status?.conditions?.find(({ type }) => type === "Confirmed")?.reason, "Acknowledged");
	t.deepEqual(
		(await desk.pods("bots")).map((pod) => pod.metadata.uid),
		before,
	);
	// When it is lowered, then they trade again
	await desk.lower("Normal");
	await gates.open("bots", 2, true);
	await desk.confirmed("Normal");
	t.deepEqual(
		(await desk.pods("bots")).map((pod) => pod.metadata.uid),
		before,
	);
});

test.serial("a pod that is new is told as soon as it has an address, in Normal and in a halt", async (t) => {
	// Given a desk in Normal with bots that are told
	const { desk, gates } = await trading(t, { replicas: 2 });
	await gates.open("bots", 2, true);
	await until("Signal is available", async () => (await signalled(desk, "bots")) === "Admit");
	// When a third is made, then it may open
	await desk.scale("bots", 3);
	const known = new Set((await gates.open("bots", 3, true)).map(({ uid }) => uid));
	// When one is replaced in a halt
	await desk.patch({ mode: "Pause" });
	const { metadata } = await desk.confirmed("Pause");
	const [one] = await gates.of("bots");
	await desk.admin.delete(podsPath(desk.namespace, one?.pod));
	// Then its successor has heard of this halt, and may not open
	const successor = await until("another one is told", async () =>
		(await gates.of("bots")).find(
			({ uid, gate }) => !known.has(uid) && gate.epoch.generation === metadata.generation,
		),
	);
	t.false(successor.gate.mayOpen());
	t.is((await desk.confirmed("Pause")).metadata.generation, metadata.generation);
});

test.serial(
	"one that takes messages and never answers is stopped, and no other is made for it",
	async (t) => {
		// Given bots that answer, and among them a workload that fell silent after it had answered
		const { desk, gates } = await trading(t, { apps: { bots: 2, rogue: 1 } });
		await gates.open("bots", 2, true);
		await until(
			"both are told",
			async () => (await signalled(desk, "bots")) === "Admit" && (await signalled(desk, "rogue")) === "Admit",
		);
		gates.silence("rogue");
		// When the desk is raised
		await desk.patch({ mode: "Pause" });
		// Then that pod is stopped, none is made, the halt is confirmed, and the bots go on
		await until("the silent one is gone", async () => (await desk.pods("rogue")).length === 0);
		const { status } = await desk.confirmed("Pause");
		t.is(status?.targets?.find(({ name }) => name === "rogue")?.signalled, "Keep");
		t.is((await desk.pods("bots")).length, 2);
		t.is((await desk.pods("rogue")).length, 0);
	},
);

test.serial("in Emergency they are told to flatten, and stopped at the deadline", async (t) => {
	// Given bots that are told, with three seconds to flatten
	const { desk, gates } = await trading(t, {
		more: { onEmergency: { action: "Signal", stop: { deadlineSeconds: 3 } } },
	});
	const bots = await gates.open("bots", 2, true);
	await until("Signal is available", async () => (await signalled(desk, "bots")) === "Admit");
	// When it is raised to Emergency
	await desk.patch({ mode: "Emergency" });
	// Then each is told once to cancel and flatten, and runs until then
	await gates.open("bots", 2, false);
	t.is((await desk.pods("bots")).filter((pod) => pod.metadata.deletionTimestamp === undefined).length, 2);
	await until("they are stopped", async () => (await desk.pods("bots")).length === 0);
	for (const { told } of bots)
		t.deepEqual(
			told.map(({ duties }) => duties).filter((one) => one.cancelAll === true),
			[{ cancelAll: true, flatten: { overSeconds: 0 } }],
		);
	await desk.confirmed("Emergency");
	// And lowered step by step, all is as it was
	await desk.lower("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await gates.open("bots", 2, true);
});

test.serial(
	"with every replica dead, permits run out and bots pause by themselves; with one back they resume",
	async (t) => {
		// Given a desk in Normal with bots that trade
		const { desk, gates, replicas } = await trading(t, { replicas: 2 });
		await gates.open("bots", 2, true);
		await desk.confirmed("Normal");
		// When every replica is killed
		await Promise.all(replicas.map((replica) => replica.end("SIGKILL")));
		// Then they pause
		await gates.open("bots", 2, false);
		// When one is back, then they resume
		await startReplica(t, desk, { gates: gates.file });
		t.is((await gates.open("bots", 2, true)).length, 2);
	},
);

test.serial("what cannot be told is stopped, and the condition says who, why and what helps", async (t) => {
	// Given a desk with targets that answer no JSON, know no key, have nobody listening, have no address, and name no port
	const desk = await TestDesk.create(t);
	const bad = { garbled: "Garbled", stranger: "Stranger", closed: "Closed", absent: "Absent" } as const;
	const names = [...Object.keys(bad), "portless", "bots"];
	await desk.run(...names.map((name) => ({ name, replicas: 1 })));
	const gates = await Gates.start(t, desk, { manners: bad });
	await startReplica(t, desk, { gates: gates.file });
	const told = (name: string) => target(name, "Bot", name === "portless" ? {} : { signal });
	await desk.govern({ mode: "Normal", targets: names.map(told) });
	// When it has been looked at in Normal, then the condition names the port that is missing, and who answers is told
	await until("bots are told", async () => (await signalled(desk, "bots")) === "Admit", patience);
	t.like(await desk.condition("SignalAvailable"), { status: "False", reason: "NotConfigured" });
	t.regex((await desk.condition("SignalAvailable"))?.message ?? "", /portless: give it signal\.http\.port/);
	await desk.patch({
		targets: names.filter((name) => name !== "portless").map((name) => target(name, "Bot", { signal })),
	});
	await until(
		"it names who does not answer, what came instead, and what helps",
		async () => {
			const { reason = "", message = "" } = (await desk.condition("SignalAvailable")) ?? {};
			const isSaid = [
				/garbled-\S+ \(its answer is no acknowledgement: answer what the gate returns/,
				/stranger-\S+ \(it knows no key .*: give it the ConfigMap tradingsafety-public-keys\)/,
				/closed-\S+ \(nobody listens: its gate has to, at signal\.http\.port\)/,
				/absent-/,
			].every((said) => said.test(message));
			if (reason === "NotAnswering" && isSaid) return true;
			throw new Error(`${reason}: ${message}`);
		},
		patience,
	);
	// When it is raised, then they are stopped and the one that answers goes on; no target selects one of them any more
	await desk.patch({ mode: "Pause" });
	await desk.confirmed("Pause");
	const running = (await desk.pods()).map((pod) => pod.metadata.labels?.app);
	t.deepEqual(running.sort(), ["bots", "portless"]);
	await gates.open("bots", 1, false);
});

test.serial("twenty raises and lowerings in a row: after the last raise no gate is open", async (t) => {
	// Given a desk in Normal with bots that are told by two replicas
	const { desk, gates } = await trading(t, { replicas: 2 });
	await gates.open("bots", 2, true);
	await until("Signal is available", async () => (await signalled(desk, "bots")) === "Admit");
	const before = (await desk.pods("bots")).map((pod) => pod.metadata.uid);
	// When it is raised and lowered again and again without waiting, and raised at last
	for (let count = 0; count < 20; count += 1) {
		await desk.patch({ mode: "Pause" });
		await desk.patch({ mode: "Normal", reason: `flip ${count}` });
	}
	await desk.patch({ mode: "Pause" });
	await desk.confirmed("Pause");
	// Then none is open, and nobody was stopped
	await gates.open("bots", 2, false);
	t.deepEqual(
		(await desk.pods("bots")).map((pod) => pod.metadata.uid),
		before,
	);
});

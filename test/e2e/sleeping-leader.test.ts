import test, { type ExecutionContext } from "ava";
import { TestDesk, target } from "../operator/desk.ts";
import { FaultProxy, pass } from "../operator/proxy.ts";
import { type Replica, type ReplicaOptions, startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { until } from "../support/until.ts";

const names = ["one", "two", "three", "four"];
const asleepMilliseconds = 30_000;

/** A halted desk of four targets, which a restore opens one after the other; the first replica leads. */
async function halted(t: ExecutionContext, options: (desk: TestDesk) => Promise<ReplicaOptions>) {
	const desk = await TestDesk.create(t);
	await desk.run(...names.map((name) => ({ name, replicas: 2 })));
	const leader = await startReplica(t, desk, await options(desk));
	await until("the first leads", () => leader.leads);
	const other = await startReplica(t, desk);
	await desk.govern({ targets: names.map((name) => target(name, "Bot")) });
	await desk.confirmed("Pause");
	return { desk, leader, other, witness: await Witness.start(t, desk) };
}

/** Nothing was started since, everything is recorded as it was, and comes back when it is lowered properly. */
async function staysHalted(
	t: ExecutionContext,
	desk: TestDesk,
	witness: Witness,
	since: string,
): Promise<void> {
	await witness.catchUp();
	t.deepEqual(witness.createdAfter(since, ...names), []);
	for (const name of names) t.is((await desk.workload(name)).spec.replicas, 0, name);
	const all = [...names].sort().map((name) => `${name}=2`);
	t.deepEqual(await desk.recorded(), all);
	t.deepEqual(witness.falseClaims(...names), []);
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	for (const name of names) await desk.ready(name, 2);
}

async function passes(milliseconds: number, since: number): Promise<void> {
	const over = () => performance.now() - since > milliseconds;
	await until(`${milliseconds} ms have passed`, over, { timeoutMilliseconds: milliseconds * 2 });
}

async function isAwake(replica: Replica): Promise<void> {
	await until("it knows that it does not lead", () => !replica.leads);
	await until("it is current", async () => (await replica.ready()).status === 200);
}

test.serial(
	"the leader asleep for 30 s in mid-restore, a raise meanwhile: nothing starts when it wakes",
	async (t) => {
		// Given a leader that falls asleep in the middle of a restore, with the second target just opened
		const { desk, leader, other, witness } = await halted(t, async () => ({}));
		await desk.lower("Normal");
		await until("the restore is at the second target", async () => {
			return (await desk.workload("two")).spec.replicas === 2;
		});
		leader.signal("SIGSTOP");
		const asleepSince = performance.now();
		t.is((await desk.workload("four")).spec.replicas, 0);
		// When somebody raises at once, the other replica carries it out, and 30 s pass
		await desk.patch({ mode: "Emergency" });
		await until("the other leads", () => other.leads);
		const { metadata } = await desk.confirmed("Emergency");
		await passes(asleepMilliseconds, asleepSince);
		// When it wakes, then nothing starts
		leader.signal("SIGCONT");
		await isAwake(leader);
		await staysHalted(t, desk, witness, metadata.resourceVersion ?? "");
	},
);

for (const { what, subresource } of [
	{ what: "release", subresource: "status" },
	{ what: "scale", subresource: "scale" },
]) {
	test.serial(`a ${what} of a restore that arrives 30 s late, after a raise, starts nothing`, async (t) => {
		// Given a leader whose calls of this kind are held up on their way, from the second target on
		let proxy: FaultProxy | undefined;
		const { desk, leader, witness } = await halted(t, async ({ cluster }) => {
			proxy = await FaultProxy.start(t, cluster);
			return { kubeconfig: proxy.kubeconfig };
		});
		if (proxy === undefined) throw new Error("there is no proxy");
		const held: string[] = [];
		const { promise: later, resolve: letGo } = Promise.withResolvers<void>();
		await desk.lower("Normal");
		await until(
			"the restore is at the first target",
			async () => (await desk.workload("one")).spec.replicas === 2,
		);
		proxy.rule = ({ method, path, userAgent }) => {
			if (!userAgent.startsWith("tradingsafety-leader")) return { kind: "Pass" };
			if (method !== "PATCH" || !new RegExp(`/${subresource}(\\?|$)`).test(path)) return { kind: "Pass" };
			held.push(path);
			return { kind: "Late", until: later };
		};
		await until("calls are held up", () => held.length > 0);
		// When it falls asleep, somebody raises, the other carries it out, and 30 s pass
		leader.signal("SIGSTOP");
		const asleepSince = performance.now();
		await desk.patch({ mode: "Emergency" });
		const { metadata } = await desk.confirmed("Emergency");
		await passes(asleepMilliseconds, asleepSince);
		// When what it had sent arrives, and it wakes
		letGo();
		await until("all of it has arrived", () => proxy?.lateAnswers.length === held.length);
		leader.signal("SIGCONT");
		proxy.rule = pass;
		await isAwake(leader);
		// Then the API server has refused all of it
		t.true(
			proxy.lateAnswers.every((status) => status >= 400),
			JSON.stringify([held, proxy.lateAnswers]),
		);
		await staysHalted(t, desk, witness, metadata.resourceVersion ?? "");
	});
}

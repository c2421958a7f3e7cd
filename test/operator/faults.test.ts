import test, { type ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import { Chance } from "./chance.ts";
import { TestDesk, target } from "./desk.ts";
import { FaultProxy, pass, type Rule } from "./proxy.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const targets = [target("risk", "Risk"), target("bots", "Bot"), target("ordered", "Bot")];
const stopped = ["bots", "ordered"];

/** A desk in Normal whose only replica speaks through a proxy, so that nobody else can do its work. */
async function governed(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run(
		{ name: "risk", replicas: 1 },
		{ name: "bots", replicas: 4 },
		{ name: "ordered", kind: "StatefulSet", replicas: 2 },
	);
	const proxy = await FaultProxy.start(t, desk.cluster);
	const replica = await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
	await desk.govern({ targets });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, proxy, replica, witness: await Witness.start(t, desk) };
}

/** The halt is whole: records of what ran, nothing left, nothing claimed too early. */
async function isHalted(t: ExecutionContext, desk: TestDesk, witness: Witness, mode: string): Promise<void> {
	await desk.confirmed(mode);
	await witness.catchUp();
	t.deepEqual(await desk.recorded(), ["bots=4", "ordered=2"]);
	for (const name of stopped) t.deepEqual(await desk.pods(name), [], name);
	t.deepEqual(witness.falseClaims(...stopped), []);
}

async function comesBack(t: ExecutionContext, desk: TestDesk): Promise<void> {
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 4);
	await desk.ready("ordered", 2, "StatefulSet");
	t.deepEqual(await desk.records(), []);
}

/** One call in five fails, in one of several ways. */
const oneInFive =
	(chance: Chance): Rule =>
	({ path }) => {
		if (chance.next() >= 0.2 || path === "/version") return { kind: "Pass" };
		const faults = [
			{ kind: "Answer", status: 409 },
			{ kind: "Answer", status: 429, retryAfterSeconds: 1 },
			{ kind: "Answer", status: 500 },
			{ kind: "Reset" },
			{ kind: "LoseAnswer" },
		] as const;
		return faults[Math.floor(chance.next() * faults.length)] ?? { kind: "Pass" };
	};

test.serial(
	"one call in five answered 409, 429 or 500, reset, or carried out without an answer",
	async (t) => {
		// Given a desk whose only replica has a bad connection
		const chance = new Chance(t);
		const { desk, proxy, witness } = await governed(t);
		proxy.rule = oneInFive(chance);
		// When it is raised and lowered, then both come to their end
		await desk.patch({ mode: "Reduce" });
		await isHalted(t, desk, witness, "Reduce");
		await comesBack(t, desk);
		t.true(proxy.hits("Answer") + proxy.hits("Reset") + proxy.hits("LoseAnswer") > 3);
	},
);

test.serial("a raise while every watch is cut for 30 s is carried out by the plain reads", async (t) => {
	// Given a desk whose only replica can call but has had no watch since
	const { desk, proxy, witness } = await governed(t);
	const cutAt = performance.now();
	proxy.rule = ({ watch }) => (watch ? { kind: "Reset" } : { kind: "Pass" });
	proxy.cutWatches();
	// When it is raised, then the halt is confirmed without a watch
	await desk.patch({ mode: "Emergency" });
	await isHalted(t, desk, witness, "Emergency");
	// When watches work again after 30 s, then it goes on
	await until("30 s have passed", () => performance.now() - cutAt > 30_000, { timeoutMilliseconds: 60_000 });
	proxy.rule = pass;
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await comesBack(t, desk);
});

test.serial("cut off altogether for 10 s it claims nothing, and finishes the halt afterwards", async (t) => {
	// Given a desk whose only replica has lost the API server
	const { desk, proxy, replica, witness } = await governed(t);
	const cutAt = performance.now();
	proxy.rule = () => ({ kind: "Reset" });
	proxy.cut();
	// When it is raised meanwhile
	const raised = await desk.patch({ mode: "Emergency" });
	// Then it says within seconds that it must not be counted on, and that it lives
	await until("not ready", async () => (await replica.ready()).status === 503, {
		timeoutMilliseconds: 5_000,
	});
	t.true(performance.now() - cutAt < 5_000);
	t.regex((await replica.ready()).text, /has not agreed with a plain read/);
	await until("10 s have passed", () => performance.now() - cutAt > 10_000);
	t.true((await desk.get()).status?.observedGeneration !== raised.metadata.generation);
	// When it has the API server back, then the halt is finished
	proxy.rule = pass;
	await isHalted(t, desk, witness, "Emergency");
	await until("ready", async () => (await replica.ready()).status === 200);
});

test.serial("connections that fall silent are noticed, and the halt goes over new ones", async (t) => {
	// Given a desk whose only replica holds connections through which nothing comes any more
	const { desk, proxy, witness } = await governed(t);
	proxy.freeze();
	// When it is raised, then it is halted all the same
	await desk.patch({ mode: "Pause" });
	await isHalted(t, desk, witness, "Pause");
	t.true(proxy.hits("Hang") > 0);
	await comesBack(t, desk);
});

test.serial("deletes that are never answered do not hold up the others", async (t) => {
	// Given a desk whose only replica sends deletes into the void at first
	const { desk, proxy, witness } = await governed(t);
	let hung = 0;
	proxy.rule = ({ method, path }) => {
		if (method !== "DELETE" || !path.includes("/pods/") || hung >= 2) return { kind: "Pass" };
		hung += 1;
		return { kind: "Hang" };
	};
	// When it is raised
	await desk.patch({ mode: "Pause" });
	// Then the others are told at once, and those two when their deadline has passed
	await isHalted(t, desk, witness, "Pause");
	t.is(hung, 2);
	await comesBack(t, desk);
});

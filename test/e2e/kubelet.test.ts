import test, { type ExecutionContext } from "ava";
import { sendSignal } from "../../dev/cluster/processes.ts";
import { anyRuns, type RealNode } from "../../dev/node/node.ts";
import { type TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";
import { observe } from "./kubelet/claims.ts";
import {
	botCommand,
	deploy,
	judge,
	mainPort,
	openWorld,
	type RealPod,
	ready,
	realDesk,
	realPods,
	trades,
	type World,
} from "./kubelet/world.ts";

// Real nodes, pods and processes (dev/node/startNode()): what a process does is seen in its cgroup, not in the API.

const signal = { http: { port: 8090 }, ttlSeconds: 2 };
/** Does nothing, and SIGTERM does nothing to it. */
const stubborn = ["node", "-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"];
/** Ends as soon as it is told. */
const prompt = ["node", "-e", "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000)"];

let world: World;
test.before("two nodes are ready", async (t) => {
	t.timeout(300_000);
	world = await openWorld();
});
test.after.always("the venue ends", () => world?.close());

const rowOf = async (desk: TestDesk, name: string) =>
	(await desk.get()).status?.targets?.find((row) => row.name === name);

const isConfirmed = async (desk: TestDesk) => {
	const { metadata } = await desk.get();
	const found = await desk.condition("Confirmed");
	return found?.status === "True" && found.observedGeneration === metadata.generation;
};

const everything = () => world.nodes.flatMap((node) => node.processes());

/** For some time nothing else than this is so. */
async function staysSo(milliseconds: number, look: () => unknown): Promise<void> {
	const end = performance.now() + milliseconds;
	while (performance.now() < end) {
		await look();
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

async function onlyPod(desk: TestDesk, app: string): Promise<RealPod> {
	const [pod, ...others] = await ready(desk, app);
	if (pod === undefined || others.length > 0) throw new Error(`not one pod of ${app}`);
	return pod;
}

/** A desk in Normal with one bot on a node, told by permits, that trades. */
async function tradingBot(t: ExecutionContext, node: RealNode, preset: string, told: object = signal) {
	const desk = await realDesk(t, world);
	await deploy(desk, { name: "bots", node, isBot: true, command: await botCommand(desk, world, "bot") });
	const pod = await onlyPod(desk, "bots");
	const replica = await startReplica(t, desk);
	await desk.govern({ mode: "Normal", targets: [target("bots", preset, { signal: told })] });
	await until("Signal is available", async () => (await rowOf(desk, "bots"))?.signalled === "Admit");
	await trades(world, pod.metadata.name);
	const processes = node.processes(pod.metadata.uid);
	t.true(processes.length > 0);
	t.teardown(() => {
		if (!t.passed) t.log(`kubelet of ${node.name}:\n${node.logTail("kubelet", 80)}`);
	});
	return { desk, pod, replica, processes };
}

test.serial("a process that ignores SIGTERM is killed, and Confirmed comes after its death", async (t) => {
	t.timeout(120_000);
	// Given a pod with a minute of grace whose process ignores SIGTERM
	const desk = await realDesk(t, world);
	await deploy(desk, { name: "stubborn", command: stubborn, graceSeconds: 60 });
	const { metadata } = await onlyPod(desk, "stubborn");
	await startReplica(t, desk);
	await desk.govern({ mode: "Normal", targets: [target("stubborn", "Strategy")] });
	await desk.confirmed("Normal");
	const processes = world.nodes.flatMap((node) => node.processes(metadata.uid));
	t.true(anyRuns(processes));
	// When the desk is raised to Emergency
	const raised = await desk.patch({ mode: "Emergency" });
	const patchedAt = Date.now();
	const seen = observe(t, desk, raised.metadata.generation ?? 0, () => processes);
	await desk.confirmed("Emergency");
	const confirmedAt = Date.now();
	// Then its process was dead before status said so
	const goneAt = seen.goneAt();
	t.false(anyRuns(processes));
	t.is(seen.falseClaims(), 0);
	t.true(goneAt !== undefined && goneAt <= confirmedAt);
	t.log(
		`patch -> last process dead ${(goneAt ?? 0) - patchedAt} ms, Confirmed seen ${confirmedAt - patchedAt} ms`,
	);
});

test.serial("a container that restarts in place during a halt comes up paused", async (t) => {
	t.timeout(300_000);
	// Given a bot that trades, and then is paused
	const [, node] = world.nodes;
	// Which has time to start again before it counts as silent, also on a busy machine
	const { desk, pod, processes } = await tradingBot(t, node, "Bot", { ...signal, ttlSeconds: 15 });
	const account = pod.metadata.name;
	await desk.patch({ mode: "Pause" });
	await desk.confirmed("Pause");
	const pausedAt = Date.now();
	const before = Object.keys((await judge(world, account, 0)).instances);
	const crashed = pod.status.containerStatuses?.[0]?.restartCount ?? 0;
	// When it crashes, and its kubelet starts it again
	for (const process of processes) sendSignal(process, "SIGKILL");
	await until(
		"it runs again",
		async () => {
			const [now] = await realPods(desk, "bots");
			const [container] = now?.status.containerStatuses ?? [];
			const restarts = container?.restartCount ?? 0;
			if (restarts > crashed && container?.ready === true) return true;
			throw new Error(JSON.stringify(now?.status ?? "it is gone"));
		},
		{ timeoutMilliseconds: 120_000 },
	);
	// Then it is the same pod with another process, which is told to stay paused
	type Own = {
		readonly instance: string;
		readonly permissions: { readonly open: boolean };
		readonly epoch: { readonly generation: number };
	};
	const own = async () =>
		(await (await fetch(`http://${pod.status.podIP}:${mainPort}/positions`)).json()) as Own;
	const generation = (await desk.get()).metadata.generation;
	const told = await until("it is told", async () => {
		const now = await own();
		return now.epoch.generation === generation ? now : undefined;
	});
	t.false(before.includes(told.instance));
	t.true(anyRuns(node.processes(pod.metadata.uid)));
	await staysSo(3_000, async () => t.false((await own()).permissions.open));
	t.is((await judge(world, account, pausedAt)).riskTaking, 0);
	await desk.confirmed("Pause");
	t.deepEqual(
		(await realPods(desk, "bots")).map(({ metadata }) => metadata.uid),
		[pod.metadata.uid],
	);
	// And it trades again when the desk is lowered: what was quiet was not dead
	const loweredAt = Date.now();
	await desk.lower("Normal");
	await until("the new one trades", async () =>
		Object.keys((await judge(world, account, loweredAt)).instances).includes(told.instance),
	);
});

test.serial(
	"pods that are stopped in their first second: nothing runs in the end, nothing false is said",
	async (t) => {
		t.timeout(180_000);
		for (const [round, command] of [prompt, stubborn, prompt].entries()) {
			// Given a desk in Normal whose pods are just being made
			const desk = await realDesk(t, world);
			const replica = await startReplica(t, desk);
			await desk.govern({ mode: "Normal", targets: [target("young", "Strategy")] });
			await desk.confirmed("Normal");
			await deploy(desk, { name: "young", command, replicas: 5 });
			// When the desk is raised as soon as the first of them runs
			await until("one runs", () => everything().length > 0, { intervalMilliseconds: 5 });
			const raised = await desk.patch({ mode: "Emergency" });
			const patchedAt = Date.now();
			const seen = observe(t, desk, raised.metadata.generation ?? 0, everything);
			await desk.confirmed("Emergency");
			const goneAt = seen.goneAt() ?? Number.NaN;
			// Then nothing ran when status said so, and nothing starts afterwards
			await staysSo(2_000, () => t.deepEqual(everything(), []));
			t.is(seen.falseClaims(), 0);
			t.deepEqual(await realPods(desk, "young"), []);
			t.log(`round ${round + 1}: patch -> last process dead ${goneAt - patchedAt} ms`);
			await seen.close();
			await replica.end();
		}
	},
);

test.serial(
	"a silent node: its bot pauses by itself, is named as unconfirmed, and stops when it is heard",
	async (t) => {
		t.timeout(180_000);
		// Given a bot that trades on a node
		const [node] = world.nodes;
		const { desk, pod, replica, processes } = await tradingBot(t, node, "Strategy");
		const account = pod.metadata.name;
		// When the kubelet and the operator fall silent
		node.silence();
		replica.signal("SIGSTOP");
		const silentAt = Date.now();
		try {
			await staysSo(4_000, () => t.true(anyRuns(processes)));
			// Then its permit ran out, and no order that takes risk was accepted after that
			const { lastRiskTakingAt } = await judge(world, account, 0);
			const lastAfter = (lastRiskTakingAt ?? 0) - silentAt;
			t.true(lastAfter < signal.ttlSeconds * 1_000 + 100, `${lastAfter} ms`);
			t.log(`silence -> last order that takes risk ${Math.round(lastAfter)} ms (TTL ${signal.ttlSeconds} s)`);
			// When the operator is back and the desk is raised
			replica.signal("SIGCONT");
			const raised = await desk.patch({ mode: "Emergency" });
			const seen = observe(t, desk, raised.metadata.generation ?? 0, () => processes);
			// Then the pod is told, named, and nothing is claimed while its process lives
			const named = async () =>
				(await rowOf(desk, "bots"))?.unconfirmed?.includes(`${account} on ${node.name}`);
			await until(
				"it is told to stop",
				async () => (await realPods(desk))[0]?.metadata.deletionTimestamp !== undefined,
			);
			await until("it is named", named);
			await staysSo(7_000, async () => {
				t.true(anyRuns(processes));
				t.true(await named());
				t.false(await isConfirmed(desk));
			});
			// When the kubelet goes on
			node.wake();
			const wokenAt = Date.now();
			await desk.confirmed("Emergency");
			// Then its process is dead, and was when status said so
			t.false(anyRuns(processes));
			t.is(seen.falseClaims(), 0);
			t.log(`kubelet goes on -> process dead ${(seen.goneAt() ?? 0) - wokenAt} ms`);
			await seen.close();
		} finally {
			node.wake();
		}
		await node.ready();
	},
);

test.serial("a node that loses power in a halt and returns runs nothing of it", async (t) => {
	t.timeout(180_000);
	// Given pods on two nodes
	const [lost, other] = world.nodes;
	const desk = await realDesk(t, world);
	await deploy(desk, { name: "lost", node: lost, command: prompt, replicas: 2 });
	await deploy(desk, { name: "other", node: other, command: prompt });
	await startReplica(t, desk);
	await desk.govern({ mode: "Normal", targets: ["lost", "other"].map((name) => target(name, "Strategy")) });
	const pods = await ready(desk, "lost", 2);
	await ready(desk, "other");
	await desk.confirmed("Normal");
	t.true(lost.processes().length >= 2);
	// When one loses power and the desk is raised while it is away
	await lost.cutPower();
	await desk.patch({ mode: "Emergency" });
	await until("the other one is empty", () => other.processes().length === 0);
	const names = pods.map(({ metadata }) => `${metadata.name} on ${lost.name}`).sort();
	// Then what it had is named, and not said to be gone
	await until("its pods are named", async () => (await rowOf(desk, "lost"))?.unconfirmedCount === 2);
	t.deepEqual([...((await rowOf(desk, "lost"))?.unconfirmed ?? [])].sort(), names);
	await staysSo(3_000, async () => t.false(await isConfirmed(desk)));
	// When it returns
	const returnedAt = Date.now();
	await lost.powerOn();
	const confirmed = desk.confirmed("Emergency", 90_000);
	let isOver = false;
	const over = confirmed.finally(() => {
		isOver = true;
	});
	// Then nothing of it ever runs, and it is confirmed in the end
	while (!isOver) {
		t.deepEqual(lost.processes(), []);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	await over;
	t.log(`power is back -> Confirmed ${Date.now() - returnedAt} ms`);
	await lost.ready();
	await staysSo(2_000, () => t.deepEqual(lost.processes(), []));
});

for (const { kind, more } of [
	{ kind: "deaf", more: [] },
	{ kind: "hanger", more: ["--hang-after-orders", "30", "--hang-seconds", "120"] },
] as const) {
	test.serial(`a bot that cannot be told (${kind}) is stopped by its deletion`, async (t) => {
		t.timeout(180_000);
		// Given such a bot, which trades, or hangs
		const desk = await realDesk(t, world);
		await startReplica(t, desk);
		await desk.govern({ mode: "Normal", targets: [target("bots", "Bot", { signal })] });
		await desk.confirmed("Normal");
		const command = await botCommand(desk, world, kind, more);
		await deploy(desk, { name: "bots", isBot: true, command, graceSeconds: 60 });
		const { metadata, status } = await onlyPod(desk, "bots");
		const processes = world.nodes.flatMap((node) => node.processes(metadata.uid));
		await trades(world, metadata.name);
		if (kind === "hanger") {
			await until("it hangs", async () => {
				const answer = await fetch(`http://${status.podIP}:${mainPort}/health`, {
					signal: AbortSignal.timeout(500),
				}).catch((error: Error) => error.name);
				return answer === "TimeoutError";
			});
		}
		t.true(anyRuns(processes));
		// When the desk is raised
		const raised = await desk.patch({ mode: "Emergency" });
		const patchedAt = Date.now();
		const seen = observe(t, desk, raised.metadata.generation ?? 0, () => processes);
		await desk.confirmed("Emergency");
		// Then its process is dead, nothing false was said, and it sends nothing more
		const goneAt = seen.goneAt() ?? Number.NaN;
		t.is(seen.falseClaims(), 0);
		t.false(anyRuns(processes));
		const { lastRiskTakingAt } = await judge(world, metadata.name, 0);
		t.true((lastRiskTakingAt ?? Number.NaN) <= goneAt);
		const last = Math.round((lastRiskTakingAt ?? Number.NaN) - patchedAt);
		t.log(`${kind}: patch -> last order that takes risk ${last} ms, process dead ${goneAt - patchedAt} ms`);
	});
}

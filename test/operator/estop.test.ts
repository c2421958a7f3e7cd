import test, { type ExecutionContext } from "ava";
import { estopLabel, estopLeaseName, estopAnnotations as names } from "../../crds/estop-lease.ts";
import { operatorNamespace } from "../../crds/roles.ts";
import { leasePath } from "../../sidecar/paths.ts";
import { pinOf, startBoxes } from "../sidecar/world.ts";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";

/** A desk in Normal that wants this device armed, and the Lease of its sidecar, which the test renews. */
async function startWorld(t: ExecutionContext, serial: string) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1 });
	await startReplica(t, desk);
	const pin = { serial, product: "Box", descriptorHash: "0".repeat(64) };
	const path = leasePath(operatorNamespace, estopLeaseName(serial));
	const annotations = {
		[names.serial]: serial,
		[names.product]: pin.product,
		[names.descriptorHash]: pin.descriptorHash,
		[names.notArmed]: "",
		[names.pressed]: "false",
		[names.interval]: "1",
		[names.ended]: "false",
	};
	await desk.admin.create(leasePath(operatorNamespace), {
		apiVersion: "coordination.k8s.io/v1",
		kind: "Lease",
		metadata: { name: estopLeaseName(serial), labels: { [estopLabel]: "device" }, annotations },
	});
	t.teardown(() => desk.admin.delete(path));
	let beats = 0;
	const say = (more: Readonly<Record<string, string>> = {}) => {
		beats += 1;
		const metadata = { annotations: { ...more, beats: String(beats) } };
		return desk.admin.patch(path, { metadata }, { type: "merge" });
	};
	let beating: NodeJS.Timeout | undefined = setInterval(() => void say(), 500);
	const fallSilent = () => {
		clearInterval(beating);
		beating = undefined;
	};
	t.teardown(fallSilent);
	await desk.govern({
		targets: [target("bots", "Strategy")],
		estop: { devices: [pin], minimumArmed: 1, heartbeatTimeoutSeconds: 3 },
	});
	const condition = async (type: string) =>
		(await desk.get()).status?.conditions?.find((one) => one.type === type);
	return { desk, say, fallSilent, condition };
}

test.serial("a device that falls silent raises the desk, which holds until it is armed again", async (t) => {
	// Given a desk in Normal with an armed device
	const { desk, fallSilent, condition, say } = await startWorld(t, "A-1");
	await until("it is armed", async () => (await condition("Armed"))?.status === "True");
	await desk.cleared();
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	t.is((await condition("LatencyBudget"))?.status, "True");
	// When it falls silent
	fallSilent();
	// Then the desk is raised to Pause, says why, and cannot be lowered
	await until("it is raised", async () => (await desk.get()).spec.mode === "Pause");
	t.is((await desk.get()).spec.trip?.type, "EstopLost");
	await until("it says so", async () => (await condition("Armed"))?.message.includes("silent"));
	const holds = async () => ((await desk.get()).status?.holds ?? []).map(({ name }) => name);
	await until("it holds", async () => (await holds()).includes("EstopLost"));
	// When it speaks again, then the hold is over
	const timer = setInterval(() => void say(), 500);
	t.teardown(() => clearInterval(timer));
	await until("the hold is over", async () => !(await holds()).includes("EstopLost"));
	t.is((await desk.get()).spec.mode, "Pause");
});

test.serial("a button that is down forbids lowering", async (t) => {
	const { desk, say } = await startWorld(t, "A-2");
	await desk.cleared();
	await say({ [names.pressed]: "true" });
	await until("it holds", async () => {
		const { holds = [] } = (await desk.get()).status ?? {};
		return holds.some(({ name }) => name === "EstopPressed/A-2");
	});
	await until("nothing is cleared", async () => (await desk.get()).status?.clearance === undefined);
	await say({ [names.pressed]: "false" });
	await desk.cleared();
	t.pass();
});

test.serial("a device that is asked too seldom is named, and is armed all the same", async (t) => {
	const { desk, say, condition } = await startWorld(t, "A-3");
	await say({ [names.interval]: "10" });
	const { message } = await until("it says so", async () => {
		const found = await condition("LatencyBudget");
		return found?.status === "False" ? found : undefined;
	});
	t.regex(message, /asked too seldom, at most 4 ms are good: A-3 every 10 ms/);
	await until("it is armed", async () => (await condition("Armed"))?.status === "True");
	// Nobody has shown a record of a real one
	t.regex((await condition("Armed"))?.message ?? "", /A-3 \(untested\)/);
	await desk.cleared();
});

test.serial(
	"a sidecar that ends on purpose and comes back raises nothing; one that is killed does",
	async (t) => {
		t.timeout(180_000);
		// Given a desk in Normal that wants its device armed, whose sidecar may be silent for 3 s
		const desk = await TestDesk.create(t);
		const replica = await startReplica(t, desk);
		const estop = { devices: [pinOf("ROLLOUT")], heartbeatTimeoutSeconds: 3 };
		await desk.govern({ mode: "Normal", targets: [target("bots", "Strategy")], estop });
		const first = await startBoxes(t, desk, ["ROLLOUT"]);
		const isArmed = async () => (await desk.condition("Armed"))?.status === "True";
		await until("it is armed", isArmed);
		await desk.patch({ estop: { minimumArmed: 1 } });
		await desk.confirmed("Normal");
		// When it ends as in a rollout
		await first.stop();
		await until("the desk says so", async () =>
			(await desk.condition("Armed"))?.message.includes("its sidecar has ended"),
		);
		// Then more time than it may be silent for raises nothing
		const endedAt = performance.now();
		await until("6 s have passed", () => performance.now() - endedAt > 6_000);
		t.is((await desk.get()).spec.mode, "Normal");
		// When it is back, then it is armed, as if nothing had been
		const second = await startBoxes(t, desk, ["ROLLOUT"]);
		await until("it is armed", isArmed);
		const { mode, trip } = (await desk.get()).spec;
		t.deepEqual([mode, trip], ["Normal", undefined]);
		t.true(replica.running);
		// When it ends without a word, then it counts as lost
		const path = leasePath(operatorNamespace, estopLeaseName("ROLLOUT"));
		await second.stop();
		await desk.admin.patch(
			path,
			{ metadata: { annotations: { [names.ended]: "false" } } },
			{ type: "merge" },
		);
		const isLost = async () => {
			const { spec } = await desk.get();
			return spec.mode === "Pause" && spec.trip?.type === "EstopLost";
		};
		await until("the desk is raised", isLost);
	},
);

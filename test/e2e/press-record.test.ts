import { once } from "node:events";
import test from "ava";
import { TestDesk, target } from "../operator/desk.ts";
import { isArmed, startProcess } from "../sidecar/process.ts";
import { startTrail } from "../sidecar/trail.ts";
import { pinOf } from "../sidecar/world.ts";
import { until } from "../support/until.ts";

const patience = { timeoutMilliseconds: 60_000 };

test.serial(
	"the sidecar is killed right after a press, the trail being away: the press is in the trail when both are back",
	async (t) => {
		t.timeout(240_000);
		// Given a sidecar in a process of its own that records, and a trail that hangs
		const trail = await startTrail(t);
		const desk = await TestDesk.create(t);
		await desk.govern({
			mode: "Normal",
			targets: [target("bots", "Strategy")],
			estop: { devices: [pinOf("KILLED")] },
		});
		const how = { serial: "KILLED", args: trail.args };
		const first = await startProcess(t, desk, how);
		await until("it is armed", isArmed(desk, "KILLED"));
		trail.hang();
		// When it is pressed, and killed as soon as the press is on its disk and the desk is raised
		first.send("Press");
		await until("the press is on disk", () => trail.spooled().some(({ action }) => action === "Pressed"), {
			intervalMilliseconds: 1,
		});
		const { trip } = await until(
			"it is raised",
			async () => {
				const { spec } = await desk.get();
				return spec.mode === "Emergency" ? spec : undefined;
			},
			patience,
		);
		first.kill("SIGKILL");
		await once(first, "exit");
		const left = trail.spooled();
		// When the next one comes and the trail takes entries, then all of it is there, without a gap
		trail.recover();
		await startProcess(t, desk, how);
		const entries = await until(
			"the trail has two starts",
			async () => {
				const found = await trail.entries();
				return found.filter(({ kind }) => kind === "Started").length === 2 ? found : undefined;
			},
			patience,
		);
		t.deepEqual(entries.slice(0, left.length), left);
		const pressed = entries.filter(({ action }) => action === "Pressed");
		t.is(pressed[0]?.metadata?.["raised.0"], `${desk.namespace} Emergency ${trip?.id}`);
		t.is(pressed.length, 1);
	},
);

import test from "ava";
import { type History, play } from "./world/history.ts";
import { lowerToNormal } from "./world/settle.ts";

/** Histories that the model test once failed on, as short as it could make them. */
const found: readonly (History & { readonly name: string })[] = [
	{
		name: "a liquidator's pod slips through before the fence is told, and another is allowed to start",
		targets: ["liquidators"],
		replicas: 1,
		fleet: [],
		happenings: [
			{ it: "Raise", mode: "Reduce" },
			{ it: "Settle", asleep: -1 },
			{ it: "Lower", what: { of: "Mode", to: "Pause" }, override: false },
			{ it: "Deploy", app: 3, inEurope: false, replicas: 1 },
			{ it: "Deliver", replica: 0, kind: "desks", count: 1 },
			{ it: "Work", replica: 0, duty: "Observe", steps: 2 },
			{ it: "Work", replica: 0, duty: "Observe", steps: 1 },
			{ it: "Raise", mode: "Emergency" },
			{ it: "Controllers" },
			{ it: "Deliver", replica: 0, kind: "desks", count: 9 },
			{ it: "Work", replica: 0, duty: "Observe", steps: 3 },
			{ it: "Deliver", replica: 0, kind: "desks", count: 9 },
			{ it: "Work", replica: 0, duty: "Restore", steps: 4 },
		],
	},
	{
		name: "a workload is recorded by a replica that has not yet seen how it was last scaled",
		targets: ["europe"],
		replicas: 1,
		fleet: [],
		happenings: [
			{ it: "Deploy", app: 0, inEurope: true, replicas: 0 },
			{ it: "Crash", replica: 0 },
			{ it: "ScaleByHand", nth: 0, replicas: 1 },
			{ it: "Freeze" },
			{ it: "Deliver", replica: 0, kind: "desks", count: 1 },
			{ it: "Work", replica: 0, duty: "Stop", steps: 1 },
		],
	},
	{
		name: "a replica that slept through a restore wakes and scales to zero",
		targets: ["bots", "gateways"],
		replicas: 2,
		fleet: [{ app: 0, inEurope: false, replicas: 1 }],
		happenings: [
			{ it: "Raise", mode: "Pause" },
			{ it: "Settle", asleep: 0 },
			{ it: "LowerToNormal", asleep: 1 },
			{ it: "Deliver", replica: 1, kind: "workloads", count: 1 },
			{ it: "Work", replica: 1, duty: "Stop", steps: 2 },
		],
	},
	{
		name: "a leader that slept through a restore wakes, and takes a person's zero for that of the halt",
		targets: ["gateways", "risk"],
		replicas: 2,
		fleet: [{ app: 1, inEurope: false, replicas: 1 }],
		happenings: [
			{ it: "Raise", mode: "Emergency" },
			{ it: "Settle", asleep: 0 },
			{ it: "Lower", what: { of: "Mode", to: "Pause" }, override: false },
			{ it: "Settle", asleep: 1 },
			{ it: "Deliver", replica: 1, kind: "desks", count: 4 },
			{ it: "Work", replica: 1, duty: "Restore", steps: 1 },
			{ it: "ScaleByHand", nth: 0, replicas: 0 },
			{ it: "LowerToNormal", asleep: 0 },
		],
	},
];

for (const { name, ...history } of found) {
	test(`found once: ${name}`, (t) => {
		// Given that history
		const stage = play(history);
		// When the desk is lowered to Normal
		lowerToNormal(stage);
		// Then nothing was breached
		t.deepEqual(stage.world.breaches, []);
	});
}

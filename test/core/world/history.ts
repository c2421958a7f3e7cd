import fc from "fast-check";
import type { Kind } from "./api.ts";
import { controllersWork, fenceIsTold, kubeletWorks } from "./machines.ts";
import {
	deploy,
	freeze,
	type Lowering,
	lower,
	raise,
	runPod,
	scaleByHand,
	switchTo,
	trip,
	undeploy,
} from "./people.ts";
import { begin, type Play } from "./play.ts";
import { type Duty, deliver, duties, type Replica, restart, step } from "./replica.ts";
import { lowerToNormal, settle } from "./settle.ts";

const kinds = ["desks", "workloads", "pods", "records"] as const;
const names = ["bots", "gateways", "risk", "liquidators", "europe"] as const;

/** One thing that happens. Plain data, so that a failing history can be read and pasted into a test. */
export type Happening =
	| { readonly it: "Raise"; readonly mode: "Pause" | "Reduce" | "Emergency"; readonly target?: string }
	| { readonly it: "Freeze" }
	| { readonly it: "Switch"; readonly to: "Enforce" | "Observe" }
	| { readonly it: "Trip" }
	| { readonly it: "Lower"; readonly what: Lowering; readonly override: boolean }
	| { readonly it: "Deploy"; readonly app: number; readonly inEurope: boolean; readonly replicas: number }
	| { readonly it: "RunPod"; readonly app: number }
	| { readonly it: "Undeploy"; readonly nth: number }
	| { readonly it: "ScaleByHand"; readonly nth: number; readonly replicas: number }
	| { readonly it: "Controllers" }
	| { readonly it: "Kubelet"; readonly nth: number }
	| { readonly it: "Fence" }
	| { readonly it: "Deliver"; readonly replica: number; readonly kind: Kind; readonly count: number }
	| { readonly it: "Work"; readonly replica: number; readonly duty: Duty; readonly steps: number }
	| { readonly it: "Crash"; readonly replica: number }
	| { readonly it: "Lead"; readonly replica: number; readonly leads: boolean }
	/** All but one catch up and do all that there is to do; the one asleep keeps what it has in hand. */
	| { readonly it: "Settle"; readonly asleep: number }
	/** The same, and people lower step by step until the desk is in Normal. */
	| { readonly it: "LowerToNormal"; readonly asleep: number };

/** The targets of a desk, how many replicas there are, and what happens. */
export type History = {
	readonly targets: readonly string[];
	readonly replicas: number;
	/** What runs before anything happens. */
	readonly fleet: readonly Deployed[];
	readonly happenings: readonly Happening[];
};

/** A workload to deploy: which application, where, how many. */
export type Deployed = { readonly app: number; readonly inEurope: boolean; readonly replicas: number };

const to = fc.constantFrom("Pause" as const, "Normal" as const);
const replica = fc.nat({ max: 2 });
const asleep = fc.integer({ min: -1, max: 2 });
const lowering: fc.Arbitrary<Lowering> = fc.oneof(
	fc.record({ of: fc.constant("Mode" as const), to }),
	fc.record({ of: fc.constant("Freeze" as const) }),
	fc.record({ of: fc.constant("Target" as const), name: fc.constantFrom(...names), to }),
);

const deployed: fc.Arbitrary<Deployed> = fc.record({
	app: fc.nat({ max: 4 }),
	inEurope: fc.boolean(),
	replicas: fc.nat({ max: 3 }),
});

const its = <T extends Happening["it"]>(it: T) => ({ it: fc.constant(it) });
const modes = fc.constantFrom("Pause" as const, "Reduce" as const, "Emergency" as const);
const happening: fc.Arbitrary<Happening> = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ ...its("Raise"), mode: modes }) },
	{ weight: 2, arbitrary: fc.record({ ...its("Raise"), mode: modes, target: fc.constantFrom(...names) }) },
	{ weight: 1, arbitrary: fc.record(its("Freeze")) },
	{ weight: 2, arbitrary: fc.record({ ...its("Switch"), to: fc.constant("Enforce" as const) }) },
	{ weight: 1, arbitrary: fc.record({ ...its("Switch"), to: fc.constant("Observe" as const) }) },
	{ weight: 1, arbitrary: fc.record(its("Trip")) },
	{
		weight: 8,
		arbitrary: fc.record({
			...its("Lower"),
			what: lowering,
			override: fc.oneof(fc.constant(false), fc.boolean()),
		}),
	},
	{
		weight: 3,
		arbitrary: deployed.map((what) => ({ it: "Deploy" as const, ...what })),
	},
	{ weight: 1, arbitrary: fc.record({ ...its("RunPod"), app: fc.nat({ max: 4 }) }) },
	{ weight: 1, arbitrary: fc.record({ ...its("Undeploy"), nth: fc.nat({ max: 4 }) }) },
	{
		weight: 2,
		arbitrary: fc.record({ ...its("ScaleByHand"), nth: fc.nat({ max: 4 }), replicas: fc.nat({ max: 3 }) }),
	},
	{ weight: 8, arbitrary: fc.record(its("Controllers")) },
	{ weight: 8, arbitrary: fc.record({ ...its("Kubelet"), nth: fc.nat({ max: 9 }) }) },
	{ weight: 6, arbitrary: fc.record(its("Fence")) },
	{
		weight: 16,
		arbitrary: fc.record({
			...its("Deliver"),
			replica,
			kind: fc.constantFrom(...kinds),
			count: fc.integer({ min: 1, max: 12 }),
		}),
	},
	{
		weight: 24,
		arbitrary: fc.record({
			...its("Work"),
			replica,
			duty: fc.constantFrom(...duties),
			steps: fc.integer({ min: 1, max: 6 }),
		}),
	},
	{ weight: 2, arbitrary: fc.record({ ...its("Crash"), replica }) },
	{ weight: 3, arbitrary: fc.record({ ...its("Lead"), replica, leads: fc.boolean() }) },
	{ weight: 4, arbitrary: fc.record({ ...its("Settle"), asleep }) },
	{ weight: 4, arbitrary: fc.record({ ...its("LowerToNormal"), asleep }) },
);

const happenings = fc.array(happening, { maxLength: 120, size: "max" });

/** What replicas and machines do, without people. */
export const schedules: fc.Arbitrary<readonly Happening[]> = happenings.map((all) =>
	all.filter(({ it }) =>
		["Controllers", "Kubelet", "Fence", "Deliver", "Work", "Crash", "Lead"].includes(it),
	),
);

/** Random histories of a desk. */
export const histories: fc.Arbitrary<History> = fc.record({
	targets: fc.shuffledSubarray([...names], { minLength: 2 }),
	replicas: fc.integer({ min: 1, max: 3 }),
	fleet: fc.array(deployed, { maxLength: 4 }),
	happenings,
});

/** Plays a history from the beginning. */
export function play(history: History): Play {
	const stage = begin(history.targets, history.replicas);
	for (const { app, inEurope, replicas } of history.fleet) deploy(stage.world, app, inEurope, replicas);
	settle(stage);
	for (const happens of history.happenings) happen(stage, happens);
	return stage;
}

/** Lets one thing happen. */
export function happen({ world, replicas }: Play, happens: Happening): void {
	const someone = (nth: number): Replica => {
		const found = replicas[nth % replicas.length];
		if (found === undefined) throw new Error("there is no replica");
		return found;
	};
	const awake = (asleep: number): Play => {
		const others = replicas.filter((_, nth) => nth !== asleep);
		return { world, replicas: others.length > 0 ? others : replicas };
	};
	switch (happens.it) {
		case "Raise":
			raise(world, happens.mode, happens.target);
			break;
		case "Freeze":
			freeze(world);
			break;
		case "Switch":
			switchTo(world, happens.to);
			break;
		case "Trip":
			trip(world);
			break;
		case "Lower":
			lower(world, happens.what, happens.override);
			break;
		case "Deploy":
			deploy(world, happens.app, happens.inEurope, happens.replicas);
			break;
		case "RunPod":
			runPod(world, happens.app);
			break;
		case "Undeploy":
			undeploy(world, happens.nth);
			break;
		case "ScaleByHand":
			scaleByHand(world, happens.nth, happens.replicas);
			break;
		case "Controllers":
			controllersWork(world);
			break;
		case "Kubelet":
			kubeletWorks(world, happens.nth);
			break;
		case "Fence":
			fenceIsTold(world);
			break;
		case "Deliver":
			deliver(world, someone(happens.replica), happens.kind, happens.count);
			break;
		case "Work":
			for (let i = 0; i < happens.steps; i++) step(world, someone(happens.replica), happens.duty);
			break;
		case "Crash":
			restart(world, someone(happens.replica));
			break;
		case "Lead":
			someone(happens.replica).leads = happens.leads;
			break;
		case "Settle":
			settle(awake(happens.asleep));
			break;
		case "LowerToNormal":
			lowerToNormal(awake(happens.asleep));
			break;
	}
}

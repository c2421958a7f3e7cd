import type { ServerName } from "../../dev/cluster/files.ts";
import type { Chance } from "../operator/chance.ts";

/** Who is hit: one replica by its number, or whichever leads at that moment. */
export type Victim = number | "Leader";

/** What goes wrong. */
export type Fault =
	| { readonly kind: "KillReplica"; readonly victim: Victim; readonly downMilliseconds: number }
	| { readonly kind: "SleepReplica"; readonly victim: Victim; readonly milliseconds: number }
	| { readonly kind: "KillServer"; readonly server: ServerName; readonly downMilliseconds: number }
	| { readonly kind: "SleepServer"; readonly server: ServerName; readonly milliseconds: number }
	/** All connections of a replica are reset. */
	| { readonly kind: "Cut"; readonly victim: Victim }
	/** Its connections, or its watches of one resource, stay open and nothing comes through any more. */
	| { readonly kind: "Silence"; readonly victim: Victim; readonly of: string }
	/** For a while a share of its calls, of all or of one sort, fails, hangs, or is carried out without an answer. */
	| {
			readonly kind: "Weather";
			readonly victim: Victim;
			readonly of: string;
			readonly share: number;
			readonly milliseconds: number;
	  }
	/** Not a fault, but as unexpected: somebody raises in the middle of whatever goes on. */
	| { readonly kind: "Raise"; readonly to: RaisedMode };

export type RaisedMode = "Pause" | "Reduce" | "Emergency";

/** What somebody does. */
export type Deed =
	| { readonly kind: "Raise"; readonly to: RaisedMode }
	| { readonly kind: "RaiseTarget"; readonly target: string; readonly to: RaisedMode }
	| { readonly kind: "Freeze" }
	/** One step down, in the proper way. `far`: to Normal, where that is allowed. */
	| { readonly kind: "Lower"; readonly far: boolean }
	/** One step down without clearance. */
	| { readonly kind: "Override"; readonly far: boolean }
	/** All the way to Normal, in the proper way, step by step. */
	| { readonly kind: "Restore" }
	/** Waits until what is asked for is confirmed, but not for long. */
	| { readonly kind: "Rest" }
	| { readonly kind: "Scale"; readonly nth: number; readonly replicas: number }
	| ({ readonly kind: "Create" } & Deployed)
	| { readonly kind: "Delete"; readonly nth: number }
	| { readonly kind: "DeletePods"; readonly nth: number; readonly count: number }
	| { readonly kind: "DeleteRecord"; readonly nth: number }
	| { readonly kind: "RunPod"; readonly app: string };

/** A workload to make. */
export type Deployed = {
	readonly workload: "Deployment" | "StatefulSet";
	readonly app: string;
	readonly inEurope: boolean;
	readonly replicas: number;
	/** Its pods take a while to end. */
	readonly slow: boolean;
};

/** A deed after a pause, with what goes wrong from its beginning on. */
export type Step = {
	readonly pauseMilliseconds: number;
	readonly deed: Deed;
	readonly faults: readonly { readonly afterMilliseconds: number; readonly fault: Fault }[];
};

/** Everything that a seed decides. */
export type Story = {
	readonly targets: readonly string[];
	readonly replicas: number;
	readonly approvals: number;
	readonly fleet: readonly Deployed[];
	readonly steps: readonly Step[];
};

/** From the beginning of a step to the latest of its faults. */
export const longestFuseMilliseconds = 1_500;

const modes = ["Pause", "Reduce", "Emergency"] as const;
const controllers = ["kube-controller-manager", "kube-scheduler", "kwok"] as const;
const called = ["restorerecords", "scale", "pods", "status", "leases", "tradingsafeties"] as const;
const watched = ["pods", "deployments", "statefulsets", "restorerecords", "tradingsafeties"] as const;

/** Draws a story. The same seed gives the same story; how it goes depends on time as well. */
export function drawStory(chance: Chance): Story {
	const targets = [
		"risk",
		"bots",
		...(chance.happens(0.7) ? ["gateways"] : []),
		...(chance.happens(0.4) ? ["europe"] : []),
		...(chance.happens(0.4) ? ["liquidators"] : []),
	];
	const replicas = chance.happens(0.25) ? 3 : 2;
	const more = Array.from({ length: chance.integer(0, 2) }, () => deployed(chance, targets));
	// An API server takes up to half a minute to know the custom kinds again: that is for a few seeds.
	const killable = chance.pick<readonly ServerName[]>(
		[70, controllers],
		[20, ["etcd", ...controllers]],
		[10, ["kube-apiserver", "etcd", ...controllers]],
	);
	let halted = false;
	const tempo = chance.pick<Tempo>([2, "Walk"], [1, "Storm"]);
	const steps = Array.from({ length: chance.integer(5, 12) }, () => {
		const drawn = step(chance, tempo, halted, targets, replicas, killable);
		halted = isHaltedAfter(halted, drawn);
		return drawn;
	});
	return {
		targets,
		replicas,
		approvals: chance.happens(0.2) ? 1 : 0,
		fleet: [
			{ workload: "Deployment", app: "risk", inEurope: false, replicas: 1, slow: false },
			{
				workload: "Deployment",
				app: "bot",
				inEurope: false,
				replicas: chance.integer(1, 4),
				slow: chance.happens(0.5),
			},
			{
				workload: "StatefulSet",
				app: "bot",
				inEurope: chance.happens(0.5),
				replicas: chance.integer(1, 3),
				slow: chance.happens(0.3),
			},
			...(targets.includes("gateways") ? [oneOf("gateway")] : []),
			...(targets.includes("liquidators") ? [oneOf("liquidator")] : []),
			...more,
		],
		steps,
	};
}

const oneOf = (app: string): Deployed => ({
	workload: "Deployment",
	app,
	inEurope: false,
	replicas: 1,
	slow: false,
});

function deployed(chance: Chance, targets: readonly string[]): Deployed {
	return {
		workload: chance.one(["Deployment", "StatefulSet"]),
		app: chance.one(targets.includes("gateways") ? ["bot", "bot", "gateway"] : ["bot"]),
		inEurope: chance.happens(0.3),
		replicas: chance.integer(0, 3),
		slow: chance.happens(0.3),
	};
}

/** In a storm everything comes at once. */
type Tempo = "Walk" | "Storm";

function step(
	chance: Chance,
	tempo: Tempo,
	halted: boolean,
	targets: readonly string[],
	replicas: number,
	killable: readonly ServerName[],
): Step {
	const isStorm = tempo === "Storm";
	return {
		pauseMilliseconds: chance.happens(0.3) ? 0 : chance.integer(0, isStorm ? 300 : 1_500),
		deed: deed(chance, halted, targets),
		faults: Array.from({ length: isStorm ? chance.integer(1, 3) : chance.integer(0, 2) }, () => ({
			afterMilliseconds: chance.integer(0, isStorm ? 500 : longestFuseMilliseconds),
			fault: fault(chance, replicas, killable),
		})),
	};
}

/** What people would do next: who is halted lowers, who is not raises, and now and then it is the other way round. */
function deed(chance: Chance, halted: boolean, targets: readonly string[]): Deed {
	const nth = chance.integer(0, 9);
	const far = chance.happens(0.5);
	const [up, down] = halted ? [1, 4] : [4, 1];
	return chance.pick<Deed>(
		[12 * up, { kind: "Raise", to: chance.one(modes) }],
		[3 * up, { kind: "RaiseTarget", target: chance.one(targets), to: chance.one(modes) }],
		[2 * up, { kind: "Freeze" }],
		[4 * down, { kind: "Lower", far }],
		[3 * down, { kind: "Override", far }],
		[9 * down, { kind: "Restore" }],
		[8, { kind: "Rest" }],
		[4, { kind: "Scale", nth, replicas: chance.integer(0, 4) }],
		[4, { kind: "Create", ...deployed(chance, targets) }],
		[2, { kind: "Delete", nth }],
		[4, { kind: "DeletePods", nth, count: chance.integer(1, 3) }],
		[3, { kind: "DeleteRecord", nth }],
		[2, { kind: "RunPod", app: "bot" }],
	);
}

function isHaltedAfter(before: boolean, { deed, faults }: Step): boolean {
	if (faults.some(({ fault }) => fault.kind === "Raise")) return true;
	if (deed.kind === "Restore") return false;
	return before || ["Raise", "RaiseTarget", "Freeze"].includes(deed.kind);
}

function fault(chance: Chance, replicas: number, killable: readonly ServerName[]): Fault {
	const victim = chance.happens(0.5) ? "Leader" : chance.integer(0, replicas - 1);
	// Half are shorter than the lease, half may outlast it.
	const milliseconds = chance.integer(100, chance.happens(0.5) ? 1_500 : 8_000);
	const downMilliseconds = chance.integer(0, chance.happens(0.5) ? 500 : 4_000);
	return chance.pick<Fault>(
		[20, { kind: "KillReplica", victim, downMilliseconds }],
		[22, { kind: "SleepReplica", victim, milliseconds }],
		[9, { kind: "KillServer", server: chance.one(killable), downMilliseconds }],
		[8, { kind: "SleepServer", server: chance.one(["kube-apiserver", "etcd"]), milliseconds }],
		[5, { kind: "SleepServer", server: chance.one(controllers), milliseconds }],
		[8, { kind: "Cut", victim }],
		[10, { kind: "Silence", victim, of: chance.one(["everything", ...watched]) }],
		[7, { kind: "Weather", victim, of: "everything", share: chance.one([0.05, 0.2, 0.5]), milliseconds }],
		[7, { kind: "Weather", victim, of: chance.one(called), share: chance.one([0.5, 1]), milliseconds }],
		[10, { kind: "Raise", to: chance.one(modes) }],
	);
}

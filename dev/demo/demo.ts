import type { TradingSafety } from "../../crds/types.ts";
import { apiGroup, apiVersion } from "../../crds/vocabulary.ts";
import { pathOf } from "../../kube/paths.ts";
import { waitFor } from "../cluster/deadline.ts";
import { messageOf } from "../cluster/errors.ts";
import type { Progress } from "../cluster/progress.ts";
import type { DemoButton } from "./button.ts";
import { deskObject } from "./desk.ts";
import { DemoError } from "./errors.ts";
import type { Floor } from "./floor.ts";
import type { Cast, Refused } from "./people.ts";
import { deskPath, type Place } from "./place.ts";
import type { DemoRecord } from "./record.ts";
import { type Replica, startReplica } from "./replica.ts";
import { readHowFar } from "./workloads.ts";

/** What whoever opens a demo wants to hear of it. */
export type DemoOptions = {
	readonly progress: Progress;
	/** Ends the start, with nothing left. */
	readonly signal: AbortSignal;
	/** Told when the cluster ended by itself. */
	readonly onLost: (error: Error) => void;
	/** Told when a replica ended by itself; it is started again. */
	readonly onReplicaDied: (replica: string, how: string) => void;
	/** Told when a bot ended by itself; it is started again. */
	readonly onBotDied: (bot: string, how: string) => void;
	/** Told when the sidecar of the button ended by itself. */
	readonly onButtonDied: (how: string) => void;
	/** Told when whoever keeps the record ended by itself. */
	readonly onRecordDied: (how: string) => void;
};

/** A running demo: a desk in Normal, and the operator that governs it. */
export type Demo = Place & {
	readonly cast: Cast;
	/** The replicas of the operator that are ours; none when the cluster has an operator of its own. */
	readonly replicas: readonly Replica[];
	/** What trades behind the pods; undefined where they only sleep. */
	readonly floor?: Floor;
	/** A button to press; undefined where there is no account for its sidecar. */
	readonly button?: DemoButton;
	/** Where what happens is recorded; undefined where it is not. */
	readonly record?: DemoRecord;
	/** The folder of the logs, which goes when the demo ends. */
	readonly logs: string;
	/** What a person says once in a terminal before anything else. */
	readonly preparation: readonly string[];
	/** What {@link stop} is about to do, for people. */
	readonly ending: string;
	/** Ends everything, and says for people what is so then; safe to call twice. */
	readonly stop: () => Promise<string>;
};

/** Starts a demo on some cluster. Leaves nothing when it fails. */
export type OpenDemo = (options: DemoOptions) => Promise<Demo>;

/** Opens a demo, and tells a person who ends it meanwhile at once that they were heard. */
export async function openAloud(open: OpenDemo, options: DemoOptions): Promise<Demo> {
	const { signal, progress } = options;
	const opened = new AbortController();
	signal.addEventListener("abort", () => progress.report("Ending"), { signal: opened.signal });
	try {
		return await open(options);
	} finally {
		opened.abort();
		progress.finish();
	}
}

/** Much is asked in little time. */
export const limits = { perSecond: 1_000, burst: 1_000, normalInFlight: 64 };

/**
 * From running workloads to a governed desk that is open. Whatever it starts is in `replicas` at once, so that a
 * failure can end it.
 * @throws DemoError `SetupFailed`, `ReplicaFailed`; the reason of `signal`
 */
export async function governDesk(
	place: Place,
	cast: Cast,
	startReplicas: () => readonly Replica[],
	{ progress, signal }: DemoOptions,
): Promise<void> {
	const starting = "Starting a desk of workloads";
	progress.report(starting);
	const patience = { signal, milliseconds: 2 * place.patienceMilliseconds };
	await awaitRunning(place, (howFar) => progress.report(starting, howFar), patience);
	progress.report("Putting the desk under a TradingSafety, which begins in Pause");
	await createDesk(place, cast, patience);
	progress.report("Starting the operator");
	const replicas = startReplicas();
	await Promise.all(replicas.map((replica) => replica.governing(signal)));
	await openDesk(place, cast, progress, patience);
	progress.finish();
}

/** The two replicas of a demo, each with its log in `logs`. */
export function startTwoReplicas(
	kubeconfig: string,
	logs: string,
	argsOf: (name: string) => readonly string[],
	onDied: DemoOptions["onReplicaDied"],
	addressBook?: string,
): readonly Replica[] {
	return ["a", "b"].map((name) =>
		startReplica({
			...{ name, kubeconfig, logs, args: argsOf(name), onDied: (how: string) => onDied(name, how) },
			...(addressBook !== undefined && { addressBook }),
		}),
	);
}

type Patience = { readonly signal: AbortSignal; readonly milliseconds: number };

/** Created by the person who configures. Their rights, just bound, may take a moment to be known. */
async function createDesk({ namespace, plan }: Place, cast: Cast, patience: Patience): Promise<void> {
	const collection = pathOf({ group: apiGroup, version: apiVersion, resource: "tradingsafeties", namespace });
	await accepted("the TradingSafety can be created", patience, () =>
		cast.create("lee-resets", collection, deskObject(namespace, plan)),
	);
}

/** The first lowering of the demo, in order: the desk was stopped completely, is cleared, and is let go. */
async function openDesk(place: Place, cast: Cast, progress: Progress, patience: Patience): Promise<void> {
	const { admin } = place;
	progress.report("Waiting until the halted desk is confirmed stopped and cleared");
	await accepted("the desk is cleared", patience, async () => {
		const { metadata, status } = await admin.get<TradingSafety>(deskPath(place));
		const cleared = status?.clearance?.generation === metadata.generation;
		return cleared ? undefined : (status?.holds?.[0]?.message ?? "not cleared yet");
	});
	const what = "Lowering the desk to Normal, as lee-resets";
	progress.report(what);
	await accepted("the desk is lowered to Normal", patience, () =>
		cast.patch("lee-resets", { mode: "Normal", reason: "the desk opens" }),
	);
	await awaitRunning(place, (howFar) => progress.report(what, howFar), patience);
	await accepted("Normal is confirmed", patience, async () => {
		const { metadata, status } = await admin.get<TradingSafety>(deskPath(place));
		const confirmed = status?.conditions?.find(({ type }) => type === "Confirmed");
		const current = confirmed?.status === "True" && confirmed.observedGeneration === metadata.generation;
		return current ? undefined : (confirmed?.message ?? "no condition Confirmed");
	});
}

async function awaitRunning(
	place: Place,
	report: (howFar: string) => void,
	patience: Patience,
): Promise<void> {
	await accepted("the desk's workloads run as before the halt", patience, async () => {
		const { running, howFar } = await readHowFar(place);
		report(howFar);
		return running ? undefined : howFar;
	});
}

/** Tries until nothing is refused any more, and says what stood in the way when that was in vain. */
async function accepted(
	description: string,
	{ signal, milliseconds }: Patience,
	attempt: () => Promise<Refused>,
): Promise<void> {
	let refused: Refused;
	try {
		await waitFor(
			description,
			async () => {
				refused = await attempt();
				return refused === undefined;
			},
			{ timeoutMilliseconds: milliseconds, assertPossible: () => signal.throwIfAborted() },
		);
	} catch (cause) {
		signal.throwIfAborted();
		const why = refused ?? messageOf(cause instanceof Error ? (cause.cause ?? cause) : cause);
		throw new DemoError("SetupFailed", `waited in vain until ${description}: ${why}`, { cause });
	}
}

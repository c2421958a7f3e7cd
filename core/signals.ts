import { signalDefaults } from "../crds/defaults.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Column, SignalState } from "../crds/vocabulary.ts";
import { observes } from "./enforcement.ts";
import { type Finding, finding } from "./finding.ts";
import { moreSevere } from "./modes.ts";
import type { AnswerProblem, Observed, Pod, Signals } from "./observed.ts";
import { matches } from "./selector.ts";
import { asksForSignal, deadlineSeconds, type TargetState } from "./targets.ts";

/** True for a target whose pods are sent permits. */
export function isTold(state: TargetState): boolean {
	return state.spec.signal !== undefined;
}

/**
 * The row of permissions that permits of a target carry: the more severe of what is wanted and what is held. While
 * anything is still being restored it is Pause at least: what came back first waits for the rest.
 */
export function permitColumn(desk: TradingSafety, state: TargetState, isRestored: boolean): Column {
	if (observes(desk.spec)) return "Normal";
	const column = state.held === undefined ? state.wanted : moreSevere(state.wanted, state.held);
	return isRestored ? column : moreSevere(column, "Pause");
}

/** How long permits of a target live. */
export function ttlSeconds({ signal }: TargetState["spec"]): number {
	return signal?.ttlSeconds ?? signalDefaults.ttlSeconds;
}

/** Pods of a target that have not acknowledged what holds now. One that is on no node yet runs nothing. */
export function unanswered(state: TargetState, { pods, signals }: Observed): readonly Pod[] {
	return pods.filter(
		(pod) =>
			matches(state.spec.selector, pod.labels) &&
			pod.node !== undefined &&
			signals?.obeying.has(pod.uid) !== true,
	);
}

/**
 * How far permits reach a target, as a replica may write it: never further than before. One pod that stayed silent
 * closes it to new ones, since a new one might stay silent as well and trade until it is stopped.
 */
export function signalledNow(
	state: TargetState,
	observed: Pick<Observed, "pods" | "signals" | "due">,
): SignalState | undefined {
	const { pods, signals, due } = observed;
	if (state.signalled === undefined || due?.has(state.spec.name) === true) return undefined;
	if (signals?.problem !== undefined) return undefined;
	// Stopped already, by this column or by one not yet released: only Normal takes it up again.
	if (state.action === "Stop") return undefined;
	if (state.action === "Signal" && signals?.hadSilent?.has(state.spec.name) === true) return "Keep";
	const silent = pods.some(
		(pod) => isToStop(state, pod, signals) && matches(state.spec.selector, pod.labels),
	);
	return silent ? "Keep" : state.signalled;
}

/** True for a pod of a target that is told, which did not acknowledge a raise in time and is stopped for it. */
export function isToStop({ spec, action }: TargetState, pod: Pod, signals: Signals | undefined): boolean {
	if (action !== "Signal" || signals?.silent.has(pod.uid) !== true) return false;
	return (spec.signal?.onNoAck ?? signalDefaults.onNoAck) === "Stop";
}

/**
 * True when a target may be told instead of stopped from now on: it stands open in Normal, keys are there, and each of
 * its pods has acknowledged a permit.
 */
export function isReadyForSignal(state: TargetState, observed: Observed): boolean {
	return (
		isTold(state) &&
		asksForSignal(state.spec) &&
		state.signalled !== "Admit" &&
		state.wanted === "Normal" &&
		state.held === undefined &&
		observed.signals !== undefined &&
		observed.signals.problem === undefined &&
		unanswered(state, observed).length === 0
	);
}

/**
 * True when what a target was told in Emergency has had its time. `heldSeconds`: for how long it has been held in
 * Emergency, the longer of what status says and what this replica saw.
 */
export function isDeadlineOver(state: TargetState, heldSeconds: number): boolean {
	const isEmergency = state.wanted === "Emergency" || state.held === "Emergency";
	const isWaiting = state.action === "Signal" || state.action === "Keep";
	return isEmergency && state.stopsLater && isWaiting && heldSeconds >= deadlineSeconds(state.spec);
}

/** Nothing is known of permits: nobody is asked. */
export const noSignals: Signals = { obeying: new Set(), silent: new Set() };

/** What came instead of a good answer, and what helps. */
const remedies: Readonly<Record<AnswerProblem, string>> = {
	NobodyListens: "nobody listens: its gate has to, at signal.http.port",
	NoAnswer: "no answer in time: look at the pod, and whether the network lets the operator reach it",
	KeyUnknown: "it knows no key that this is signed with: give it the ConfigMap tradingsafety-public-keys",
	Refused: "it refuses: its gate has to take POST at signal.http.path",
	NoAcknowledgement: "its answer is no acknowledgement: answer what the gate returns, as JSON",
	Disagrees: "it answers of another epoch, or allows more than holds: it has to pass on what its gate says",
};
const named = 3;

/** Pods by what came of telling them, some of each by name. */
function whoAndWhy(pods: readonly Pod[], signals: Signals | undefined): string {
	const groups = Map.groupBy(pods, ({ uid }) => signals?.problems?.get(uid));
	return [...groups]
		.map(([problem, of]) => {
			const who = of
				.slice(0, named)
				.map(({ name }) => name)
				.join(", ");
			return problem === undefined ? who : `${who} (${remedies[problem]})`;
		})
		.join("; ");
}

/** Whether whoever has a button can tell bots straight; undefined where no bot is told. */
export function raiseKeyAvailable(
	{ signals }: Observed,
	states: readonly TargetState[],
): Finding | undefined {
	if (!states.some(isTold)) return undefined;
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding("RaiseKeyAvailable", status, reason, message);
	const problem = signals?.raiseKeyProblem;
	if (problem === undefined) return found("Unknown", "NotRead", "the Secret was not read yet");
	return problem === ""
		? found("True", "Read", "the Secret holds a key; its public half is published to bots")
		: found("False", "NoKey", `bots hear of a press from the operator alone: ${problem}`);
}

/** Whether each target that asks for Signal gets it. */
export function signalAvailable(observed: Observed, states: readonly TargetState[]): Finding {
	const asking = states.filter(({ spec }) => asksForSignal(spec));
	const names = (of: readonly TargetState[]) => of.map((state) => state.spec.name).join(", ");
	const asStop = (of: readonly TargetState[]) => `Signal is carried out as Stop for target ${names(of)}`;
	const deafOf = (of: readonly TargetState[]) => of.flatMap((state) => unanswered(state, observed));
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding("SignalAvailable", status, reason, message);
	const no = (reason: string, message: string) => found("False", reason, message);
	if (asking.length === 0) return found("True", "NotAsked", "no target asks for Signal");
	const unreachable = asking.filter((state) => !isTold(state));
	if (unreachable.length > 0) {
		return no("NotConfigured", `${asStop(unreachable)}: give it signal.http.port, where its gate listens`);
	}
	const problem = observed.signals?.problem;
	if (problem !== undefined) return no("NoKey", `${asStop(asking)}: ${problem}`);
	const stopped = asking.filter((state) => state.signalled === undefined);
	if (stopped.length > 0) {
		const pods = deafOf(stopped);
		const why =
			pods.length === 0 ? "it starts in Normal" : `no good answer from ${whoAndWhy(pods, observed.signals)}`;
		return no("NotAnswering", `${asStop(stopped)}, until each pod acknowledges a permit in Normal: ${why}`);
	}
	const deaf = deafOf(asking);
	const unsaid = `no good answer from ${deaf.length} pods: ${whoAndWhy(deaf, observed.signals)}`;
	const kept = asking.filter((state) => state.signalled === "Keep");
	if (kept.length > 0) {
		const silent = `a pod of target ${names(kept)} did not acknowledge: none is made`;
		return no("Silent", deaf.length > 0 ? `${silent}; ${unsaid}` : silent);
	}
	return deaf.length > 0
		? no("Unanswered", unsaid)
		: found("True", "Acknowledged", "every pod in sight acknowledged what holds now");
}

import type { TradingSafety } from "../../../crds/types.ts";
import { type Mode, modes } from "../../../crds/vocabulary.ts";
import { waitFor } from "../../cluster/deadline.ts";
import { ClusterError } from "../../cluster/errors.ts";
import type { Demo } from "../demo.ts";
import { type Part, type Phase, partsOf, phaseAfter } from "../desk.ts";
import { DemoError } from "../errors.ts";
import type { Person } from "../people.ts";
import type { Checks } from "./checks.ts";
import { Market } from "./market.ts";
import { checkPlaces, type Places, readPlaces } from "./places.ts";
import { checkPress } from "./press.ts";
import { firstDenial, podsOf, readDesk, readRecords } from "./reads.ts";
import { checkRecord } from "./record.ts";
import { Recorder } from "./recorder.ts";
import { beforeClearance, checkRefusal, fromEmergency } from "./refusals.ts";
import { type Change, checkOutcome, checkStory } from "./story.ts";
import { type StepFacts, stepTimes, timingTable } from "./timing.ts";
import { claimedGeneration, claims, shortfalls, untruths } from "./truth.ts";

/** What every part of the walk needs. */
export type WalkContext = {
	readonly demo: Demo;
	readonly recorder: Recorder;
	readonly checks: Checks;
	readonly signal: AbortSignal;
};

const path: readonly Mode[] = ["Normal", "Pause", "Reduce", "Emergency", "Pause", "Normal"];

/**
 * Walks the desk through the modes and back, checks each step against the API server, and prints a timing table.
 * @throws DemoError `WalkStopped` when a step leaves nothing to go on with; the checks so far are taken down
 */
export async function walk(
	demo: Demo,
	checks: Checks,
	print: (line: string) => void,
	signal: AbortSignal,
): Promise<void> {
	const recorder = new Recorder(demo);
	const context: WalkContext = { demo, recorder, checks, signal };
	await recorder.start();
	const steps: StepFacts[] = [];
	try {
		const start = await readPlaces(demo);
		const market = demo.floor === undefined ? undefined : new Market(context, demo.floor);
		await market?.awaitTrading();
		let phase: Phase = "Normal";
		for (const [index, to] of path.entries()) {
			const from = path[index - 1];
			if (from === undefined) continue;
			const next = phaseAfter(phase, to);
			await market?.begin(next);
			const phases = { before: phase, after: next };
			await takeStep(context, from, to, phases, start, (facts) => steps.push(facts));
			await market?.check(`${from} -> ${to}`, next);
			phase = next;
		}
		if (demo.button !== undefined) {
			await checkPress(context, demo.button);
			await market?.awaitEverybody("the button");
		}
		await checkEnd(context, start);
		if (demo.record !== undefined) {
			const steps = path.map((to, index) => ({ to, by: demo.cast.user(walkerTo(path[index - 1], to)) }));
			await checkRecord(context, demo.record, steps);
		}
	} finally {
		try {
			await checkTruth(context);
		} finally {
			await recorder.stop();
		}
		print("");
		for (const line of timingTable(steps.map((step) => stepTimes(step, recorder.desks, recorder.pods)))) {
			print(line);
		}
	}
}

/** Who takes a step. */
function walkerTo(from: Mode | undefined, to: Mode): Person {
	return from !== undefined && modes.indexOf(to) > modes.indexOf(from) ? "rita-raises" : "lee-resets";
}

/** One patch by a person, and everything that must come of it. `onPatched` is told once the step has begun. */
async function takeStep(
	context: WalkContext,
	from: Mode,
	to: Mode,
	phases: { readonly before: Phase; readonly after: Phase },
	start: Places,
	onPatched: (facts: StepFacts) => void,
): Promise<void> {
	const { demo, checks } = context;
	const step = `${from} -> ${to}`;
	const by = walkerTo(from, to);
	const raises = by === "rita-raises";
	const reason = `the walk goes to ${to}`;
	if (!raises) await awaitClearance(context, step, to);
	if (from === "Emergency") {
		for (const refusal of fromEmergency) await checkRefusal(context, step, refusal);
	}
	const before = await readDesk(demo);
	const places = await readPlaces(demo);
	const { stoppedIn, startedIn } = demo.plan;
	const [was, is] = [stoppedIn[phases.before], stoppedIn[phases.after]];
	const newlyStopped = is.filter((part) => !was.includes(part));
	const { deniedAt, refused } = await patchAndTryPods(context, newlyStopped[0], () =>
		demo.cast.patch(by, { mode: to, reason }),
	);
	checks.note(
		`${step}: the patch is accepted (as ${by})`,
		refused === undefined ? { good: true } : { good: false, expected: "success", seen: refused },
	);
	if (refused !== undefined) throw new DemoError("WalkStopped", `${step}: the desk could not be patched`);
	const generation = (before.metadata.generation ?? 0) + 1;
	onPatched({
		name: step,
		generation,
		stops: newlyStopped,
		starts: [...was.filter((part) => !is.includes(part)), ...startedIn[phases.after]],
		...(deniedAt !== undefined && { deniedAt }),
	});
	if (from === "Normal") await checkRefusal(context, step, beforeClearance);
	const change: Change = { from, to, by: demo.cast.user(by), reason, generation };
	const spoken = await awaitDesk(context, `${step}: status speaks of it`, (desk) => {
		return desk.status?.observedGeneration === generation;
	});
	checkStory(checks, step, change, before.status ?? {}, spoken.status ?? {});
	await checkPlaces(context, step, { from: phases.before, to: phases.after, start, before: places });
	await awaitConfirmed(context, step, generation);
	checkOutcome(checks, step, change, (await readDesk(demo)).status ?? {});
}

/** Sends a patch while somebody tries to create pods of a target that it stops. */
async function patchAndTryPods(
	{ demo, signal }: WalkContext,
	part: Part | undefined,
	patch: () => Promise<string | undefined>,
): Promise<{ readonly deniedAt?: number; readonly refused: string | undefined }> {
	const enough = new AbortController();
	const until = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(demo.patienceMilliseconds)]);
	const patchOnce = async () => {
		const refused = await patch();
		if (refused !== undefined) enough.abort();
		return refused;
	};
	const [refused, deniedAt] = await Promise.all([
		patchOnce(),
		part === undefined ? undefined : firstDenial(demo, part, until),
	]);
	return { ...(deniedAt !== undefined && { deniedAt }), refused };
}

async function awaitClearance(context: WalkContext, step: string, to: Mode): Promise<void> {
	await awaitDesk(context, `${step}: cleared by the operator for exactly this generation`, (desk) => {
		const { clearance } = desk.status ?? {};
		return clearance?.generation === desk.metadata.generation && clearance?.toMode === to;
	});
}

async function awaitConfirmed(context: WalkContext, step: string, generation: number): Promise<void> {
	const confirmed = () => context.recorder.desks.some((version) => claimedGeneration(version) === generation);
	await awaitCheck(
		context,
		`${step}: Confirmed becomes True`,
		async () => confirmed(),
		async () => {
			const { status } = await readDesk(context.demo);
			return JSON.stringify(status?.conditions?.find(({ type }) => type === "Confirmed"));
		},
	);
}

async function awaitDesk(
	context: WalkContext,
	what: string,
	condition: (desk: TradingSafety) => boolean,
): Promise<TradingSafety> {
	let desk = await readDesk(context.demo);
	await awaitCheck(
		context,
		what,
		async () => {
			desk = await readDesk(context.demo);
			return condition(desk);
		},
		async () => JSON.stringify(desk.status),
	);
	return desk;
}

/** A check that may take its time. When it fails there is nothing to go on with. */
async function awaitCheck(
	{ demo, checks, signal }: WalkContext,
	what: string,
	condition: () => Promise<boolean>,
	seen: () => Promise<string>,
): Promise<void> {
	try {
		await waitFor(what, condition, {
			timeoutMilliseconds: demo.patienceMilliseconds,
			intervalMilliseconds: 20,
			assertPossible: () => signal.throwIfAborted(),
		});
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
		const expected = `it within ${demo.patienceMilliseconds / 1000} s`;
		checks.note(what, { good: false, expected, seen: await seen() });
		throw new DemoError("WalkStopped", what, { cause: error });
	}
	checks.note(what, { good: true });
}

/** Everything is as it was, and nothing of the halt is left. */
async function checkEnd({ demo, checks }: WalkContext, start: Places): Promise<void> {
	const end = await readPlaces(demo);
	const replicas = ({ owners }: Places) => owners.map((owner) => [owner.name, owner.replicas, owner.ready]);
	checks.same(
		"in the end every workload has what it had before the first halt",
		replicas(end),
		replicas(start),
	);
	checks.same("in the end no record is left", (await readRecords(demo)).size, 0);
	const { status } = await readDesk(demo);
	checks.same("in the end status lists nothing as not restored", status?.notRestored ?? [], []);
	checks.same(
		"no replica of the operator ended on the way",
		demo.replicas.map(({ deaths }) => deaths()),
		demo.replicas.map(() => 0),
	);
}

/** Holds what status said against what was, over the whole walk. */
async function checkTruth(context: WalkContext): Promise<void> {
	const { recorder, checks, demo, signal } = context;
	if (signal.aborted) return;
	const live = async () =>
		(await Promise.all(partsOf(demo.plan).map((part) => podsOf(demo, part)))).flat().sort();
	const recorded = () =>
		recorder.pods
			.filter((pod) => pod.deleted === undefined)
			.map(({ uid }) => uid)
			.sort();
	const agree = async () => JSON.stringify(await live()) === JSON.stringify(recorded());
	try {
		await waitFor("the recording shows the pods that there are", agree, {
			timeoutMilliseconds: demo.patienceMilliseconds,
			assertPossible: () => signal.throwIfAborted(),
		});
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
	}
	checks.same(
		"the recording of the whole walk is complete",
		{ pods: recorded(), failures: recorder.failures },
		{ pods: await live(), failures: [] },
	);
	const found = untruths(demo.plan, recorder.desks, recorder.pods);
	const count = new Set(claims(recorder.desks).map(({ generation }) => generation)).size;
	checks.note(
		`Confirmed was never True while a pod of a stopped target existed (${count} generations, ${recorder.desks.length} versions, ${recorder.pods.length} pods)`,
		found.length === 0 ? { good: true } : { good: false, expected: "none", seen: found.join("; ") },
	);
	const early = shortfalls(demo.plan, recorder.desks, recorder.pods);
	checks.note(
		"Confirmed was never True before everything that the mode lets run was ready",
		early.length === 0 ? { good: true } : { good: false, expected: "none", seen: early.join("; ") },
	);
	checks.note(
		"Confirmed became True in every mode",
		count >= path.length
			? { good: true }
			: { good: false, expected: `${path.length} generations`, seen: `${count}` },
	);
}

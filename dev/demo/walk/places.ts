import { waitFor } from "../../cluster/deadline.ts";
import { ClusterError } from "../../cluster/errors.ts";
import { type DeskPlan, type Part, type Phase, partsOf } from "../desk.ts";
import type { Place } from "../place.ts";
import { type Owner, podsOf, readOwners, readRecords, tryPod } from "./reads.ts";
import type { WalkContext } from "./walk.ts";

/** What runs: the workloads, and the pods of each target by UID. */
export type Places = {
	readonly owners: readonly Owner[];
	readonly pods: ReadonlyMap<Part, readonly string[]>;
};

/** A step, and what ran before the first halt and before this step. */
export type PlaceStep = {
	readonly from: Phase;
	readonly to: Phase;
	readonly start: Places;
	readonly before: Places;
};

export async function readPlaces(place: Place): Promise<Places> {
	const owners = await readOwners(place);
	const pods = await Promise.all(
		partsOf(place.plan).map(async (part) => [part, await podsOf(place, part)] as const),
	);
	return { owners, pods: new Map(pods) };
}

/** Checks what runs, what is denied and what is recorded in the mode that a step leads to. */
export async function checkPlaces(context: WalkContext, step: string, facts: PlaceStep): Promise<void> {
	const { demo, checks } = context;
	const { plan } = demo;
	const silent = plan.silentIn[facts.to];
	const stopped = [...plan.stoppedIn[facts.to], ...silent];
	const started = plan.startedIn[facts.to];
	for (const part of plan.stoppedIn[facts.to]) {
		checks.same(`${step}: a new pod of ${part} is denied`, await tryPod(demo, part), "denied");
	}
	for (const part of silent) {
		// Once it is known that it is silent.
		await becomes(context, `${step}: a new pod of ${part} is denied`, () => tryPod(demo, part), "denied");
	}
	await becomes(
		context,
		`${step}: every pod of ${stopped.join(", ")} is gone`,
		async () => {
			const left = await Promise.all(stopped.map((part) => podsOf(demo, part)));
			return left.flat().length;
		},
		0,
	);
	const wanted = facts.start.owners.map((owner) => [owner.name, wantedReplicas(plan, owner, facts.to)]);
	const isLoud = ({ part }: Owner) => !silent.includes(part as Part);
	const ready = facts.start.owners
		.filter(isLoud)
		.map((owner) => [owner.name, wantedReplicas(plan, owner, facts.to)]);
	await becomes(
		context,
		`${step}: every workload is at zero, as before the first halt, or started`,
		async () => {
			const owners = await readOwners(demo);
			return owners.map((owner) => [owner.name, owner.replicas]);
		},
		wanted,
	);
	await becomes(
		context,
		`${step}: what runs is ready`,
		async () => {
			const owners = await readOwners(demo);
			return owners.filter(isLoud).map((owner) => [owner.name, owner.ready]);
		},
		ready,
	);
	const after = await readPlaces(demo);
	const before = [...plan.stoppedIn[facts.from], ...plan.silentIn[facts.from]];
	const kept = partsOf(plan).filter(
		(part) => !stopped.includes(part) && !started.includes(part) && !before.includes(part),
	);
	for (const part of kept) {
		checks.same(
			`${step}: the pods of ${part} are the same as before`,
			after.pods.get(part),
			facts.before.pods.get(part),
		);
	}
	for (const part of [...kept, ...started]) {
		checks.same(`${step}: a new pod of ${part} is admitted`, await tryPod(demo, part), "admitted");
	}
	await becomes(
		context,
		`${step}: each stopped workload is recorded with what it had, no other`,
		async () => {
			const records = await readRecords(demo);
			return Object.fromEntries([...records].sort());
		},
		Object.fromEntries(
			facts.start.owners
				.filter((owner) => isRecorded(plan, owner, facts.to))
				.map((owner) => [owner.uid, owner.replicas] as const)
				.sort(),
		),
	);
}

function wantedReplicas(plan: DeskPlan, owner: Owner, phase: Phase): number {
	const part = owner.part as Part;
	if (plan.stoppedIn[phase].includes(part)) return 0;
	return plan.startedIn[phase].includes(part) ? 1 : owner.replicas;
}

/** What stands still in Normal too has nothing to come back to. */
function isRecorded({ stoppedIn }: DeskPlan, { part }: Owner, phase: Phase): boolean {
	return stoppedIn[phase].includes(part as Part) && !stoppedIn.Normal.includes(part as Part);
}

/** A check that may take its time; the walk goes on when it fails. */
async function becomes(
	{ demo, checks, signal }: WalkContext,
	what: string,
	read: () => Promise<unknown>,
	expected: unknown,
): Promise<void> {
	let seen: unknown;
	try {
		await waitFor(
			what,
			async () => {
				seen = await read();
				return JSON.stringify(seen) === JSON.stringify(expected);
			},
			{
				timeoutMilliseconds: demo.patienceMilliseconds,
				intervalMilliseconds: 20,
				assertPossible: () => signal.throwIfAborted(),
			},
		);
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
	}
	checks.same(what, seen, expected);
}

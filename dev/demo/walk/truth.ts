import { type Mode, modes } from "../../../crds/vocabulary.ts";
import { type DeskPlan, type Part, type Phase, partsOf, phaseAfter } from "../desk.ts";
import type { DeskVersion, PodLife, Revision } from "./recorder.ts";

/** A stretch of history in which status said Confirmed about what one generation asks for. */
export type Claim = {
	readonly generation: number;
	readonly mode: Mode;
	readonly phase: Phase;
	/** Milliseconds since the first version of this generation was seen. */
	readonly age: number;
	readonly from: Revision;
	/** The first revision at which it was said no more; undefined: to the end of the recording. */
	readonly until?: Revision;
};

/** The claims that these versions make, oldest first. */
export function claims(versions: readonly DeskVersion[]): readonly Claim[] {
	const found: Claim[] = [];
	let phase: Phase | undefined;
	for (const [index, version] of versions.entries()) {
		const mode = modes.find((known) => known === version.object.spec.mode) ?? "Emergency";
		phase = phaseAfter(phase, mode);
		const generation = claimedGeneration(version);
		if (generation === undefined) continue;
		const first = versions.find(({ object }) => object.metadata.generation === generation) ?? version;
		const age = version.seenAt - first.seenAt;
		const until = versions[index + 1]?.revision;
		found.push({
			generation,
			mode,
			phase,
			age,
			from: version.revision,
			...(until !== undefined && { until }),
		});
	}
	return found;
}

/**
 * Holds each claim against the pods: one line for every pod of a stopped target that existed while Confirmed was
 * True, with the revisions in question. Empty: status told the truth.
 */
export function untruths(
	plan: DeskPlan,
	versions: readonly DeskVersion[],
	pods: readonly PodLife[],
): readonly string[] {
	return claims(versions).flatMap((claim) => {
		const stopped = stoppedAt(plan, claim);
		return pods
			.filter((pod) => stopped.includes(pod.part) && existedDuring(pod, claim))
			.map(
				(pod) =>
					`Confirmed was True for ${claim.mode} (generation ${claim.generation}) in revisions ${claim.from} to ${claim.until ?? "the end"}, and ${pod.name} of ${pod.part} existed from ${pod.created} to ${pod.deleted ?? "the end"}`,
			);
	});
}

/**
 * Holds each claim against what its mode lets run: one line for every target that had fewer ready pods when status
 * began to say Confirmed than it should have. A mode that starts or brings back something is in force only then.
 */
export function shortfalls(
	plan: DeskPlan,
	versions: readonly DeskVersion[],
	pods: readonly PodLife[],
): readonly string[] {
	return claims(versions).flatMap(({ mode, phase, generation, from }) =>
		partsOf(plan).flatMap((part) => {
			const ready = pods.filter((pod) => pod.part === part && isReadyAt(pod, from)).length;
			const wanted = podsIn(plan, phase, part);
			if (ready >= wanted) return [];
			return [
				`Confirmed was True for ${mode} (generation ${generation}) at revision ${from}, and ${part} had ${ready} of ${wanted} pods ready`,
			];
		}),
	);
}

/**
 * The generation that a version says is confirmed. While spec is newer than what status speaks of, the condition is
 * about something that is not asked for any more, and claims nothing.
 */
export function claimedGeneration({ object }: Pick<DeskVersion, "object">): number | undefined {
	const confirmed = object.status?.conditions?.find(({ type }) => type === "Confirmed");
	const { generation } = object.metadata;
	if (generation === undefined || confirmed?.status !== "True") return undefined;
	return confirmed.observedGeneration === generation ? generation : undefined;
}

function existedDuring(pod: PodLife, { from, until }: Claim): boolean {
	const beganBefore = until === undefined || pod.created < until;
	const endedAfter = pod.deleted === undefined || pod.deleted > from;
	return beganBefore && endedAfter;
}

function isReadyAt(pod: PodLife, revision: Revision): boolean {
	const isThere = pod.deleted === undefined || pod.deleted > revision;
	return pod.ready !== undefined && pod.ready <= revision && isThere;
}

/** What must stand still while a claim is made: in Emergency some of it has a deadline first. */
function stoppedAt(plan: DeskPlan, { phase, age }: Claim): readonly Part[] {
	const { parts, milliseconds, slackMilliseconds } = plan.deadline;
	const stopped = [...plan.stoppedIn[phase], ...plan.silentIn[phase]];
	if (phase !== "Emergency" || age >= milliseconds + slackMilliseconds) return stopped;
	return stopped.filter((part) => !parts.includes(part));
}

function podsIn(plan: DeskPlan, phase: Phase, part: Part): number {
	if ([...plan.stoppedIn[phase], ...plan.silentIn[phase]].includes(part)) return 0;
	const mine = plan.workloads.filter((workload) => workload.part === part);
	if (plan.startedIn[phase].includes(part)) return mine.length;
	return mine.reduce((sum, { replicas }) => sum + replicas, 0);
}

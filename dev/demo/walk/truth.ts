import { type Mode, modes } from "../../../crds/vocabulary.ts";
import { type Part, parts, startedIn, stoppedIn, workloads } from "../desk.ts";
import type { DeskVersion, PodLife, Revision } from "./recorder.ts";

/** A stretch of history in which status said Confirmed about what one generation asks for. */
export type Claim = {
	readonly generation: number;
	readonly mode: Mode;
	readonly from: Revision;
	/** The first revision at which it was said no more; undefined: to the end of the recording. */
	readonly until?: Revision;
};

/** The claims that these versions make, oldest first. */
export function claims(versions: readonly DeskVersion[]): readonly Claim[] {
	const found: Claim[] = [];
	for (const [index, version] of versions.entries()) {
		const generation = claimedGeneration(version);
		if (generation === undefined) continue;
		const mode = modes.find((known) => known === version.object.spec.mode) ?? "Emergency";
		const until = versions[index + 1]?.revision;
		found.push({ generation, mode, from: version.revision, ...(until !== undefined && { until }) });
	}
	return found;
}

/**
 * Holds each claim against the pods: one line for every pod of a stopped target that existed while Confirmed was
 * True, with the revisions in question. Empty: status told the truth.
 */
export function untruths(versions: readonly DeskVersion[], pods: readonly PodLife[]): readonly string[] {
	return claims(versions).flatMap((claim) => {
		const stopped: readonly Part[] = stoppedIn[claim.mode];
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
export function shortfalls(versions: readonly DeskVersion[], pods: readonly PodLife[]): readonly string[] {
	return claims(versions).flatMap(({ mode, generation, from }) =>
		parts.flatMap((part) => {
			const ready = pods.filter((pod) => pod.part === part && isReadyAt(pod, from)).length;
			const wanted = podsIn(mode, part);
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
export function claimedGeneration({ object }: DeskVersion): number | undefined {
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

function podsIn(mode: Mode, part: Part): number {
	if (stoppedIn[mode].includes(part)) return 0;
	if (startedIn[mode].includes(part)) return 1;
	return workloads.reduce((sum, workload) => (workload.part === part ? sum + workload.replicas : sum), 0);
}

import { aggregateLabel } from "../crds/vocabulary.ts";
import type { Facts } from "./facts.ts";
import type { Finding } from "./finding.ts";
import type { KindProblem } from "./observed.ts";

/** Of a condition; a longer one would be refused, and the whole status with it. */
const messageLength = 2048;

/**
 * The condition `KindsWatched`. A kind that cannot be seen takes nothing from `Confirmed`: that is about pods,
 * which are stopped and listed by their labels, whoever owns them.
 */
export function kindsWatched({ observed, now }: Facts): Finding {
	const problems = observed.kindProblems ?? [];
	const [first] = problems;
	if (first === undefined) {
		const message = `every kind of workload that the cluster has is watched, seen at ${now}`;
		return { type: "KindsWatched", status: "True", reason: "Watched", message };
	}
	const named = (why: KindProblem["why"]) =>
		problems
			.filter((problem) => problem.why === why)
			.map((problem) => problem.resource)
			.sort();
	const sentences = [
		...sentence(
			named("Forbidden"),
			`may not be listed: allow it by a ClusterRole labelled ${aggregateLabel}=true`,
		),
		...sentence(named("NotListed"), "could not be listed yet"),
		...sentence(named("Gone"), "is recorded, but the kind is gone, and its workloads with it"),
	];
	return {
		type: "KindsWatched",
		status: "False",
		reason: first.why,
		message:
			`pods are stopped all the same, workloads of these kinds are not scaled, recorded or restored: ${sentences.join("; ")}`.slice(
				0,
				messageLength,
			),
	};
}

function sentence(resources: readonly string[], what: string): readonly string[] {
	if (resources.length === 0) return [];
	const shown = resources.slice(0, 4).join(", ");
	return [`${shown}${resources.length > 4 ? ` and ${resources.length - 4} more` : ""} ${what}`];
}

import { askedFor, denies, heldAgainst, isHalted, severityOf } from "../core/world/oracle.ts";
import type { Life, Testimony } from "./testimony.ts";

type Version = Testimony["versions"][number];

/** What the story says that people did, beside what the API server showed. */
export type Deposition = {
	/** The reasons of all lowerings, and of those by override: each lowering has its own. */
	readonly lowerings: ReadonlySet<string>;
	readonly overrides: ReadonlySet<string>;
	/** By UID of a workload: every number of replicas that people ever wanted of it. */
	readonly wanted: ReadonlyMap<string, ReadonlySet<number>>;
};

/** From a denial being stored until no pod may come any more. Measured are some 20 ms. */
const fenceMilliseconds = 2_000;

/** Every way in which what was seen is not as it must be. None is what is hoped for. */
export function judge(seen: Testimony, said: Deposition): readonly string[] {
	return [
		...startedInHalt(seen),
		...grownInHalt(seen),
		...claimedTooEarly(seen),
		...claimedRestored(seen),
		...lowered(seen, said),
		...released(seen),
		...recordedWrongly(seen, said),
		...toldWrongly(seen, said),
		...riskTouched(seen),
	];
}

/** No pod is made of a target that has been denied for longer than the fence takes. */
function startedInHalt(seen: Testimony): readonly string[] {
	return seen.lives.flatMap((life) => {
		const since = deniedSince(seen, life.labels, life.createdAfter, life.createdBy);
		if (since === undefined || !isLate(seen, since, life.createdAfter)) return [];
		return [`pod ${life.name} was made at ${life.createdBy}: denied since ${since}`];
	});
}

/** No workload grows whose target has been denied for longer than the fence takes. */
function grownInHalt(seen: Testimony): readonly string[] {
	const last = new Map<string, number>();
	return seen.workloads.flatMap(({ at, gap, uid, name, labels, replicas }) => {
		const before = last.get(uid) ?? replicas;
		last.set(uid, replicas);
		if (gap || replicas <= before) return [];
		const since = deniedSince(seen, labels, at - 1, at);
		if (since === undefined || !isLate(seen, since, at - 1)) return [];
		return [`${name} grew from ${before} to ${replicas} at ${at}: denied since ${since}`];
	});
}

/**
 * The version since which these labels are denied without interruption, up to `by`; undefined when they were not
 * denied, or versions were lost, at any time between `after` and `by`.
 */
function deniedSince(
	{ versions }: Testimony,
	labels: Life["labels"],
	after: number,
	by: number,
): number | undefined {
	let since: number | undefined;
	for (const { at, gap, desk } of versions) {
		if (at > by) break;
		const denied = denies(desk, labels);
		// Whatever was lost may have been an opening.
		if (!denied || (gap && since !== undefined)) since = undefined;
		if (denied) since ??= at;
	}
	return since !== undefined && since <= after ? since : undefined;
}

/** True when it is certain that more than the fence's time lies between two versions. */
function isLate({ markers }: Testimony, since: number, until: number): boolean {
	const stored = markers.find((marker) => marker.version >= since)?.answeredAt;
	const begun = markers.findLast((marker) => marker.version <= until)?.askedAt;
	return stored !== undefined && begun !== undefined && begun - stored > fenceMilliseconds;
}

/** Nothing is confirmed, cleared or allowed to start while a pod that is denied exists. */
function claimedTooEarly(seen: Testimony): readonly string[] {
	return seen.versions.flatMap((version, index) => {
		const before = seen.versions[index - 1];
		const claims = [
			...(isConfirmed(version) ? ["says that it is confirmed"] : []),
			...(isCleared(version) && !(before !== undefined && isCleared(before)) ? ["clears"] : []),
			...(starts(version).some((name) => before === undefined || !starts(before).includes(name))
				? ["allows a start"]
				: []),
		];
		if (claims.length === 0) return [];
		return denied(seen, version).map(
			(life) => `version ${version.at} ${claims.join(" and ")}, and pod ${life.name} exists`,
		);
	});
}

/** Nothing is confirmed while a workload that may run still waits to be brought back: at zero, with a record. */
function claimedRestored({ versions, workloads, records }: Testimony): readonly string[] {
	return versions.filter(isConfirmed).flatMap(({ at, desk }) => {
		const standing = latest(workloads, at, ({ uid }) => uid);
		return latest(records, at, ({ uid }) => uid)
			.filter((record) => !record.deleted && record.replicas > 0)
			.flatMap((record) => {
				const workload = standing.find(({ uid }) => uid === record.workloadUid);
				if (workload === undefined || workload.deleted || workload.replicas > 0) return [];
				if (denies(desk, workload.labels)) return [];
				return [
					`version ${at} says that it is confirmed, and ${workload.name} is not back: ${record.replicas}`,
				];
			});
	});
}

/** The last news of each thing before a version. */
function latest<T extends { readonly at: number }>(
	news: readonly T[],
	before: number,
	key: (one: T) => string,
): readonly T[] {
	return [...new Map(news.filter(({ at }) => at < before).map((one) => [key(one), one])).values()];
}

/** The pods that certainly exist at a version that denies them. */
function denied({ lives }: Testimony, { at, desk }: Version): readonly Life[] {
	return lives.filter(
		(life) =>
			life.createdBy < at &&
			(life.goneAfter === undefined || life.goneAfter >= at) &&
			denies(desk, life.labels),
	);
}

function isConfirmed({ desk }: Version): boolean {
	const confirmed = desk.status?.conditions?.find((condition) => condition.type === "Confirmed");
	return confirmed?.status === "True" && confirmed.observedGeneration === desk.metadata.generation;
}

function isCleared({ desk }: Version): boolean {
	return desk.status?.clearance?.generation === desk.metadata.generation && isHalted(desk);
}

const starts = ({ desk }: Version): readonly string[] =>
	(desk.status?.targets ?? []).filter((target) => target.startAllowed === true).map(({ name }) => name);

/** Nothing is lowered but by a person who said so, and with a clearance unless it was an override. */
function lowered({ versions }: Testimony, { lowerings, overrides }: Deposition): readonly string[] {
	return versions.flatMap((version, index) => {
		const before = versions[index - 1];
		if (before === undefined || version.gap || !isLowered(before, version)) return [];
		const { spec } = version.desk;
		const reason = spec.reason ?? "";
		const text = `version ${version.at} lowers to ${spec.mode} ("${reason}", by ${spec.setBy})`;
		if (!lowerings.has(reason)) return [`${text}: nobody asked for it`];
		if (overrides.has(reason)) return [];
		const clearance = before.desk.status?.clearance;
		if (clearance?.generation !== before.desk.metadata.generation) return [`${text}: without clearance`];
		return severityOf(spec.mode ?? "") < severityOf(clearance?.toMode ?? "Freeze")
			? [`${text}: cleared only to ${clearance?.toMode}`]
			: [];
	});
}

function isLowered({ desk: before }: Version, { desk: now }: Version): boolean {
	const own = Object.entries(before.spec.targetModes ?? {});
	return (
		severityOf(now.spec.mode ?? "") < severityOf(before.spec.mode ?? "") ||
		(before.spec.freeze === true && now.spec.freeze !== true) ||
		own.some(([name, mode]) => severityOf(now.spec.targetModes?.[name] ?? "Normal") < severityOf(mode))
	);
}

/** A target is never released below what is asked for. */
function released({ versions }: Testimony): readonly string[] {
	return versions.flatMap(({ at, gap, desk }, index) => {
		const before = versions[index - 1]?.desk;
		if (before === undefined || gap) return [];
		return (desk.spec.targets ?? []).flatMap(({ name }) => {
			const [old, now] = [before, desk].map((one) => severityOf(heldAgainst(one, name) ?? "Normal"));
			const asked = askedFor(desk, name);
			if ((now ?? 0) >= (old ?? 0) || (now ?? 0) >= severityOf(asked)) return [];
			return [`version ${at} releases ${name}, of which ${asked} is asked`];
		});
	});
}

/** The history that status tells is the one that was seen, and says of each override that it was one. */
function toldWrongly({ versions }: Testimony, { lowerings, overrides }: Deposition): readonly string[] {
	const last = versions.at(-1)?.desk.status?.history ?? [];
	return last.flatMap((row) => {
		const index = versions.findIndex(({ desk }) => desk.metadata.generation === row.generation);
		const [before, now] = [versions[index - 1], versions[index]];
		if (now === undefined) return [];
		const { spec } = now.desk;
		const word = `${spec.mode}${spec.freeze === true ? "+Freeze" : ""}`;
		const text = `history says of generation ${row.generation} that it went to ${row.to}`;
		if (row.to !== word) return [`${text}: it was ${word}`];
		const reason = row.reason ?? "";
		if (row.override === true && lowerings.has(reason) && !overrides.has(reason)) {
			return [`${text} by override: it was cleared`];
		}
		const cleared = before === undefined || isCleared(before) || now.gap;
		const silent = overrides.has(reason) && !cleared && row.override !== true && row.gap !== true;
		return silent ? [`${text}, and not that it was an override`] : [];
	});
}

/** A record says what people wanted of the workload, from its beginning to its end. */
function recordedWrongly({ records }: Testimony, { wanted }: Deposition): readonly string[] {
	const first = new Map<string, number>();
	return records.flatMap(({ at, uid, name, workloadUid, replicas }) => {
		const before = first.get(uid);
		first.set(uid, replicas);
		if (before !== undefined) {
			return before === replicas
				? []
				: [`the record of ${name} changed from ${before} to ${replicas} at ${at}`];
		}
		const numbers = wanted.get(workloadUid);
		if (numbers === undefined || numbers.has(replicas)) return [];
		return [`${name} is recorded as ${replicas} at ${at}, and was ${[...numbers].join(" or ")}`];
	});
}

/** Risk monitoring goes on, always; no story touches it. */
function riskTouched({ lives }: Testimony): readonly string[] {
	return lives
		.filter((life) => life.labels.app === "risk" && life.toldBy !== undefined)
		.map((life) => `pod ${life.name}, which watches risk, was told to stop at ${life.toldBy}`);
}

import { leavesPath, tilePath, tileWidth } from "../format/tiles.ts";
import { batchPath, bundlePath, checkpointPath, folders, manifestPath, numberOf } from "../layout.ts";

/** Sizes of a log that was listed: what of its rounds had ended before it was, and by the time that it had been. */
export type Ended = { readonly before: number; readonly meanwhile: number };

/** What is done with each key that was listed. */
export type Choice = {
	/** To fetch. */
	readonly wanted: readonly string[];
	/** Of rounds that ended meanwhile: of them one object was listed and another one was not there yet. */
	readonly later: readonly string[];
	/** None of a trail: who knows where they would be written. */
	readonly refused: readonly string[];
};

const key = new RegExp(`^(?:${Object.values(folders).join("|")})[a-z0-9.]{1,64}(?:/[a-z0-9.]{1,64})*$`);

/**
 * What to fetch of a log that goes on: everything but the rounds that ended while it was listed. What no manifest covers by then is of
 * no round under way and needs an explanation, which whoever verifies asks for: it is fetched.
 */
export function choose(listed: readonly string[], { before, meanwhile }: Ended): Choice {
	const files = new Set(listed.filter(isKey));
	const parents = new Set([...files].flatMap(above));
	const choice = { wanted: new Set<string>(), later: new Set<string>(), refused: new Set<string>() };
	for (const one of listed) {
		const size = leastSize(one);
		const isLater = size !== undefined && size > before && size <= meanwhile;
		// A file cannot be a folder as well: then what a log writes has the place.
		const isTwice = parents.has(one) || above(one).some((folder) => files.has(folder));
		if (!files.has(one) || (isTwice && size === undefined)) choice.refused.add(one);
		else if (isLater) choice.later.add(one);
		else choice.wanted.add(one);
	}
	return { wanted: [...choice.wanted].sort(), later: [...choice.later], refused: [...choice.refused] };
}

/** The size of the log by its last manifest. */
export function sizeOf(keys: readonly string[]): number {
	const sizes = keys.map((one) => numberOf(one) ?? 0).filter((size, at) => keys[at] === manifestPath(size));
	return sizes.reduce((most, size) => Math.max(most, size), 0);
}

/** True for what can be a file below a folder, and stays in there. */
function isKey(one: string): boolean {
	return key.test(one) && !one.split("/").some((part) => part === "." || part === "..");
}

/** The folders that a key is in. */
function above(one: string): readonly string[] {
	const parts = one.split("/");
	return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/"));
}

/** How large a log must be at least to have this object; undefined for what no log has. */
function leastSize(one: string): number | undefined {
	const number = numberOf(one);
	if (number === undefined) return reachOf(one);
	if (one === batchPath(number) || one === bundlePath(number)) return number + 1;
	return one === checkpointPath(number) || one === manifestPath(number) ? number : undefined;
}

/** Up to which leaf a tile reaches. */
function reachOf(one: string): number | undefined {
	const [, name, groups = "", digits] =
		/^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(one) ?? [];
	if (name === undefined) return undefined;
	const index = Number(groups.replaceAll(/[x/]/g, ""));
	const width = digits === undefined ? tileWidth : Number(digits);
	const level = name === "entries" ? 0 : Number(name);
	const own = name === "entries" ? leavesPath({ index, width }) : tilePath({ level, index, width });
	return own === one ? (index * tileWidth + width) * tileWidth ** level : undefined;
}

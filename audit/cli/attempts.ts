import type { Entry } from "../entry.ts";
import type { Indexed } from "./forensics.ts";

/**
 * How a component says, in the entry that it began, whether it is told of attempts that were refused; and the action of the
 * entry that it was told of something at all.
 */
export const attempts = {
	name: "attempts",
	received: "Received",
	notReceived: "NotReceived",
	heard: "attempts-heard",
} as const;

type Life = {
	readonly writer: string;
	readonly from: number;
	readonly until: number;
	readonly heardAt: number | undefined;
};

/**
 * Whether attempts that were refused are recorded between `from` and `to` (milliseconds since 1970), a line each: as far as a
 * component said that it was told of them, and showed that it lived.
 */
export function attemptsRecorded(entries: readonly Indexed[], from: number, to: number): readonly string[] {
	const lives = livesOf(entries).filter(({ from: begun, until }) => begun < to && until >= from);
	if (lives.length === 0) return ["not recorded: nobody said that they were told of them in this time"];
	const time = (at: number) => new Date(at).toISOString();
	const lines = lives.map(({ writer, from: begun, until, heardAt }) => {
		const span = `${writer} said that it was told of them, from ${time(Math.max(begun, from))} to ${time(Math.min(until, to))}`;
		if (heardAt === undefined || heardAt >= to)
			return `${span}; it was told of nothing: are API servers set up to send?`;
		return `${span}; it was first told of something at ${time(heardAt)}`;
	});
	return [...lines, "outside of these times they are not recorded"];
}

/** From the entry that such a component began to its last sign of life. */
function livesOf(entries: readonly Indexed[]): readonly Life[] {
	const ended: Life[] = [];
	const open = new Map<string, Life>();
	for (const { entry } of entries) {
		const at = Date.parse(entry.time.wall);
		const { id } = entry.writer;
		if (entry.kind === "Started") {
			const before = open.get(id);
			if (before !== undefined) ended.push(before);
			open.delete(id);
			if (isReceiver(entry)) open.set(id, { writer: id, from: at, until: at, heardAt: undefined });
			continue;
		}
		const life = open.get(id);
		if (life === undefined) continue;
		const heardAt = life.heardAt ?? (entry.action === attempts.heard ? at : undefined);
		open.set(id, { ...life, until: Math.max(life.until, at), heardAt });
	}
	return [...ended, ...open.values()].sort((a, b) => a.from - b.from);
}

function isReceiver({ metadata }: Entry): boolean {
	return metadata?.[attempts.name] === attempts.received;
}

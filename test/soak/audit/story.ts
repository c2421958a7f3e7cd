import { Chance } from "../../operator/chance.ts";

/** Where a writer is killed. It does that itself, with SIGKILL, at the n-th time that it gets there. */
export type KillPoint =
	/** In appending to the spool: before the write, with half of it written, written and not synced, or synced and not promised. */
	| { readonly at: "append-begun" | "append-half" | "append-written" | "append-synced"; readonly nth: number }
	/** In writing an object of this kind: before it is asked for, or when the store has it. */
	| { readonly at: "put-begun" | "put-done"; readonly object: ObjectKind; readonly nth: number }
	/** In noting what is in the log: before, or after. */
	| { readonly at: "note-begun" | "note-done"; readonly nth: number }
	/** At any moment: milliseconds from its first entry. */
	| { readonly at: "any"; readonly milliseconds: number };

/** What a round writes. */
export const objectKinds = ["batch", "tile/entries", "tile", "checkpoint", "bundle", "manifest"] as const;

/** One of {@link objectKinds}. */
export type ObjectKind = (typeof objectKinds)[number];

/** One life of a writer. */
export type Life = { readonly writer: string; readonly kill: KillPoint };

/** Everything that a seed decides: lives that follow each other. Those of one step are at the same time, as two leaders. */
export type Story = { readonly steps: readonly (readonly Life[])[] };

/** Draws the story of a seed. */
export function drawStory(seed: number): Story {
	const chance = new Chance({ log: () => {} }, seed);
	const writers = chance.happens(0.5) ? ["a"] : ["a", "b"];
	const steps = Array.from({ length: chance.integer(4, 6) }, () =>
		writers.map((writer) => ({ writer, kill: drawPoint(chance) })),
	);
	return { steps };
}

function drawPoint(chance: Chance): KillPoint {
	const few = chance.integer(1, 3);
	const draw = chance.pick<() => KillPoint>(
		[
			2,
			() => {
				const at = chance.one(["append-begun", "append-half", "append-written", "append-synced"] as const);
				return { at, nth: chance.integer(1, 30) };
			},
		],
		[
			4,
			() => {
				const at = chance.one(["put-begun", "put-done"] as const);
				return { at, object: chance.one(objectKinds), nth: few };
			},
		],
		[1, () => ({ at: chance.one(["note-begun", "note-done"] as const), nth: few })],
		[1, () => ({ at: "any", milliseconds: chance.integer(0, 600) })],
	);
	return draw();
}

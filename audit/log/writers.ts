import type { Entry } from "../entry.ts";

/** Lives of the spools of one writer: of each, the counter that is to come next. The latest last. */
export type Epochs = readonly { readonly epoch: string; readonly next: number }[];

/** What has come from each writer, by its name. */
export type Writers = Readonly<Record<string, Epochs>>;

/** What is to be done with an entry that a writer hands over. */
export type Admission =
	/** It is the next one of its writer, of which this has come then. */
	| { readonly kind: "Next"; readonly epochs: Epochs }
	/** It is in the log already. */
	| { readonly kind: "Known" }
	/** Others of its writer are missing before it. */
	| { readonly kind: "Gap"; readonly expected: number };

/** Epochs that are remembered of a writer: an older one comes back only with a disk that was away for long. */
const mostEpochs = 8;

/** Judges an entry by its counter, which has no gaps and no repetitions within an epoch; `epochs`: what has come of its writer. */
export function admit(epochs: Epochs, { epoch, counter }: Entry["writer"]): Admission {
	const expected = epochs.find((one) => one.epoch === epoch)?.next ?? 0;
	if (counter < expected) return { kind: "Known" };
	if (counter > expected) return { kind: "Gap", expected };
	const others = epochs.filter((one) => one.epoch !== epoch);
	return { kind: "Next", epochs: [...others, { epoch, next: counter + 1 }].slice(-mostEpochs) };
}

/** What has come of one writer. */
export function epochsOf(writers: Writers, id: string): Epochs {
	return Object.hasOwn(writers, id) ? (writers[id] ?? []) : [];
}

import type { Entry } from "../entry.ts";

/**
 * Lives of the spools of one writer: of each, the hash of the key that signs there, and the counter that is to come next. The latest last.
 */
export type Epochs = readonly { readonly epoch: string; readonly key: string; readonly next: number }[];

/** What has come from each writer, by its name. */
export type Writers = Readonly<Record<string, Epochs>>;

/** What is to be done with an entry that a writer hands over. */
export type Admission =
	/** It is the next one of its writer, of which this has come then. */
	| { readonly kind: "Next"; readonly epochs: Epochs }
	/** It is in the log already. */
	| { readonly kind: "Known" }
	/** Others of its writer are missing before it. */
	| { readonly kind: "Gap"; readonly expected: number }
	/** Another key has signed what was there of this epoch. */
	| { readonly kind: "OtherKey"; readonly expected: string }
	/** It is of an epoch before those that are remembered: somebody has put it in again, or a disk was away for long. */
	| { readonly kind: "Forgotten"; readonly oldest: string };

/** Epochs that are remembered of a writer and a key: the others began before them, as the order of their names tells. */
const mostEpochs = 4;

/**
 * Judges an entry by its counter, which has no gaps and no repetitions within an epoch; `epochs`: what has come of its writer, `key`:
 * the hash of the one that has signed it. What another key has signed neither takes its place nor makes it forgotten.
 */
export function admit(epochs: Epochs, { epoch, counter }: Entry["writer"], key: string): Admission {
	const known = epochs.find((one) => one.epoch === epoch);
	if (known !== undefined && known.key !== key) return { kind: "OtherKey", expected: known.key };
	const own = epochs
		.filter((one) => one.key === key)
		.map((one) => one.epoch)
		.sort();
	const [oldest = ""] = own;
	if (known === undefined && own.length >= mostEpochs && epoch < oldest) return { kind: "Forgotten", oldest };
	const expected = known?.next ?? 0;
	if (counter < expected) return { kind: "Known" };
	if (counter > expected) return { kind: "Gap", expected };
	return { kind: "Next", epochs: advanced(epochs, { epoch, key, next: counter + 1 }) };
}

/** What has come of a writer then. */
export function advanced(epochs: Epochs, latest: Epochs[number]): Epochs {
	const others = epochs.filter(({ epoch }) => epoch !== latest.epoch);
	const own = others.filter(({ key }) => key === latest.key).map(({ epoch }) => epoch);
	const forgotten = own.length < mostEpochs ? undefined : own.sort()[0];
	return [...others.filter(({ epoch }) => epoch !== forgotten), latest];
}

/** What has come of one writer. */
export function epochsOf(writers: Writers, id: string): Epochs {
	return Object.hasOwn(writers, id) ? (writers[id] ?? []) : [];
}

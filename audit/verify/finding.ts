/**
 * What can be wrong with a trail, and the exit code of each kind: so that whoever calls need not read words. 1 and 2 are those
 * of programs in general.
 */
export const findingCodes = {
	/** The bytes of an entry, its signature or its key are not those in the tree. */
	EntryChanged: 20,
	EntryDropped: 21,
	EntryDuplicated: 22,
	EntriesReordered: 23,
	EntryInserted: 24,
	/** Its time is before that of one that the same writer wrote earlier, in whatever epoch. */
	EntryBackdated: 25,
	/** Its bytes are JSON, but not the canonical ones. */
	EntryNotCanonical: 26,
	/** It is none that this schema knows. */
	EntryMalformed: 27,
	/** It is in this log and says that it is for another one. */
	EntryOfAnotherLog: 28,
	SignatureWrong: 30,
	KeyUnknown: 31,
	KeyNotYetValid: 32,
	KeyRevoked: 33,
	/** Its key was over at the time that it says, or by what the log said long before it. */
	KeyExpired: 34,
	/** Entries of a writer are missing. */
	CounterGap: 40,
	CounterRepeated: 41,
	/** A writer promised a sign of life, and there is none. */
	HeartbeatMissing: 42,
	/** It stands between entries of a writer, and another key has signed it than those. */
	WriterKeyChanged: 43,
	TileChanged: 50,
	LeavesChanged: 51,
	/** It is no signed note, or its signature is wrong. */
	CheckpointChanged: 52,
	/** None of the keys of the log has signed it. */
	CheckpointUnsigned: 53,
	CheckpointOfAnotherLog: 54,
	/** It is good, and was made for another size. */
	CheckpointReplayed: 55,
	/** Two checkpoints that the log has signed contradict each other, or what is there. */
	SplitView: 56,
	/** The log was longer once. */
	Truncated: 57,
	/** Fewer witnesses have signed than are wanted. */
	WitnessMissing: 58,
	BundleChanged: 60,
	BundlesSwapped: 61,
	ManifestChanged: 62,
	ObjectMissing: 63,
	ObjectUnexpected: 64,
	/** Somebody deleted an object, as far as the store lets them. */
	DeleteMarker: 70,
	/** Somebody wrote an object a second time, or it is not the version that its manifest tells. */
	SecondVersion: 71,
	RetentionMissing: 72,
	/** It is locked for less than was asked for, or than its manifest says. */
	RetentionShort: 73,
} as const;

/** One of {@link findingCodes}. */
export type FindingCode = keyof typeof findingCodes;

/** One thing that is wrong. */
export type Finding = {
	readonly code: FindingCode;
	/** Of the entry. */
	readonly index?: number;
	/** Key of the object. */
	readonly object: string;
	readonly message: string;
};

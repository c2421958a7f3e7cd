import { availableParallelism } from "node:os";
import { parseNote } from "../format/note.ts";
import type { Tree } from "../format/tree.ts";
import { checkpointPath, manifestPath } from "../layout.ts";
import type { Reading } from "../store/store.ts";
import { type Examined, examine, type Job } from "./examine.ts";
import type { Level } from "./report.ts";
import { examinerOf } from "./threads.ts";
import { logKeysOf, type Opened, openCheckpointOf, type Trust } from "./trust.ts";

/** A round by itself, with its two signed notes as they are there. */
export type Round = {
	readonly size: number;
	readonly note: Buffer | undefined;
	/** Its note as a checkpoint. */
	readonly opened: Opened | undefined;
	readonly manifest: Buffer | undefined;
	readonly examined: Examined;
};

/** Which trail, and how. */
export type RoundsOptions = {
	readonly reading: Reading;
	readonly trust: Trust;
	readonly level: Level;
	readonly threads: number | undefined;
};

/** Threads take a moment to begin: a log of fewer entries is verified before they have. */
const fewEntries = 4_096;
const mostThreads = 4;

/** The rounds that end with these sizes, in order. Some are examined ahead, never all, so that memory is bounded. */
export async function* roundsOf(options: RoundsOptions, sizes: readonly number[]): AsyncGenerator<Round> {
	const processors = Math.min(mostThreads, availableParallelism());
	const threads = options.threads ?? ((sizes.at(-1) ?? 0) < fewEntries ? 0 : processors);
	const examiner = examinerOf(options.reading, threads);
	const ahead: Promise<Round>[] = [];
	try {
		let next = 0;
		while (ahead.length > 0 || next < sizes.length) {
			while (ahead.length < examiner.width && next < sizes.length) {
				const job = { first: sizes[next - 1] ?? 0, size: sizes[next] ?? 0, level: options.level };
				const round = readRound(options, job, examiner.examine);
				// Whoever waits for it is told of a failure; until then nobody waits.
				round.catch(() => {});
				ahead.push(round);
				next += 1;
			}
			const round = await ahead.shift();
			if (round !== undefined) yield round;
		}
	} finally {
		await examiner.close();
	}
}

/** One round, after the tree that was really there before it. */
export function roundAfter(options: RoundsOptions, before: Tree, size: number): Promise<Round> {
	const job = { first: before.size, size, level: options.level, before };
	return readRound(options, job, (complete) => examine(options.reading, complete));
}

async function readRound(
	{ reading, trust }: RoundsOptions,
	job: Job,
	by: (job: Job) => Promise<Examined>,
): Promise<Round> {
	const { size } = job;
	const [note, manifest] = await Promise.all([
		reading.get(checkpointPath(size)),
		reading.get(manifestPath(size)),
	]);
	const checkpoint = note?.toString();
	const opened = checkpoint === undefined ? undefined : openCheckpointOf(size, checkpoint, trust);
	const logId = checkpoint && opened?.kind === "Good" ? logIdOf(checkpoint, trust) : undefined;
	const examined = await by({ ...job, ...(checkpoint && logId && { proven: { checkpoint, logId } }) });
	return { size, note, manifest, opened, examined };
}

/** The key that signed a checkpoint first, of those that the log has had: its bundles name that one. */
function logIdOf(note: string, trust: Trust): Buffer | undefined {
	const keys = logKeysOf(trust);
	return parseNote(note)
		.signatures.flatMap(({ keyId }) => keys.find(({ verifier }) => verifier.keyId.equals(keyId))?.id ?? [])
		.at(0);
}

import { Worker } from "node:worker_threads";
import { AuditError, type AuditErrorCode } from "../error.ts";
import { tilePath, tilesBetween } from "../format/tiles.ts";
import { edgeTiles, type Tree } from "../format/tree.ts";
import { FolderStore } from "../store/folder.ts";
import type { Reading } from "../store/store.ts";
import { type Examined, examine, type Job, objectsOf } from "./examine.ts";

/** Whoever examines rounds, several at a time. */
export type Examiner = {
	readonly examine: (job: Job) => Promise<Examined>;
	/** So many jobs at a time keep it busy. */
	readonly width: number;
	readonly close: () => Promise<void>;
};

/** What a thread is given. Of a folder it reads objects itself, of any other trail they are read for it. */
export type Task = {
	readonly job: Job;
	readonly from: { readonly folder: string } | { readonly objects: ReadonlyMap<string, Uint8Array> };
};

/** What it answers: anything but an {@link AuditError} ends it. */
export type Answer =
	| { readonly examined: Examined }
	| { readonly code: AuditErrorCode; readonly message: string };

/** So many jobs one after the other go to one thread: it knows the tree before all but the first of them. */
const jobsInTurn = 3;

/** Collected often, what was read of the last rounds does not pile up: 100 MB less for a thread. */
const youngMegabytes = 8;

/** Examines rounds in so many threads; without any, in this one. */
export function examinerOf(reading: Reading, threads: number): Examiner {
	if (threads === 0) {
		return { examine: (job) => examine(reading, job), width: 1, close: async () => {} };
	}
	const all = Array.from({ length: threads }, () => startThread());
	let jobs = 0;
	return {
		examine: async (job) => {
			const next = all[Math.floor(jobs / jobsInTurn) % threads] ?? startThread();
			jobs += 1;
			return next.examine(async () => ({ job, from: await sourceOf(reading, job) }));
		},
		// While one thread works on what comes next, the others have their turn to do, and it the one after.
		width: (threads + 1) * jobsInTurn,
		close: async () => {
			await Promise.all(all.map((thread) => thread.close()));
		},
	};
}

async function sourceOf(reading: Reading, { first, size }: Job): Promise<Task["from"]> {
	if (reading instanceof FolderStore) return { folder: reading.folder };
	const keys = [
		...edgeTiles(first).map((tile) => tilePath(tile)),
		...objectsOf(tilesBetween(first, size), first),
	];
	const objects = new Map<string, Uint8Array>();
	await Promise.all(
		keys.map(async (key) => {
			const bytes = await reading.get(key);
			if (bytes !== undefined) objects.set(key, bytes);
		}),
	);
	return { objects };
}

function startThread() {
	const worker = new Worker(new URL("thread.ts", import.meta.url), {
		resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
	});
	const waiting: PromiseWithResolvers<Examined>[] = [];
	let failure: Error | undefined;
	// It answers in the order in which it was asked.
	worker.on("message", (answer: Answer) => {
		const first = waiting.shift();
		if ("examined" in answer) first?.resolve(restored(answer.examined));
		else first?.reject(new AuditError(answer.code, answer.message));
	});
	const fail = (error: Error) => {
		failure = error;
		for (const { reject } of waiting.splice(0)) reject(error);
	};
	worker.on("error", fail);
	worker.on("exit", (code) => fail(new Error(`a thread that verifies has ended with ${code}`)));
	return {
		examine: async (make: () => Promise<Task>): Promise<Examined> => {
			const task = await make();
			if (failure !== undefined) throw failure;
			const answer = Promise.withResolvers<Examined>();
			waiting.push(answer);
			worker.postMessage(task);
			return await answer.promise;
		},
		close: async () => {
			await worker.terminate();
		},
	};
}

/** Between threads buffers become plain arrays of bytes. */
function restored(examined: Examined): Examined {
	const { before, tree, batch, hashes, root } = examined;
	const treeOf = ({ size, edge }: Tree): Tree => ({ size, edge: edge.map(bufferOf) });
	return {
		...examined,
		...{ before: before && treeOf(before), tree: treeOf(tree), root: bufferOf(root) },
		...{ batch: batch && bufferOf(batch), hashes: bufferOf(hashes) },
	};
}

function bufferOf(bytes: Uint8Array): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

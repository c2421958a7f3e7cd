import { parentPort } from "node:worker_threads";
import { AuditError } from "../error.ts";
import type { Tree } from "../format/tree.ts";
import { FolderStore } from "../store/folder.ts";
import type { Reading } from "../store/store.ts";
import { type Examined, examine } from "./examine.ts";
import type { Answer, Task } from "./threads.ts";

// A thread that examines rounds: see threads.ts.

parentPort?.on("message", (task: Task) => {
	turn = turn.then(() => work(task));
});

/** One at a time, in the order in which they came. */
let turn: Promise<void> = Promise.resolve();

/** After the round that was examined last: where the next one begins there, its tiles need not be read for that. */
let last: Tree | undefined;

async function work({ job, from }: Task): Promise<void> {
	const reading = "folder" in from ? new FolderStore(from.folder) : given(from.objects);
	try {
		const before = job.before ?? (last?.size === job.first ? last : undefined);
		const examined = await examine(reading, { ...job, ...(before !== undefined && { before }) });
		last = examined.before === undefined ? undefined : examined.tree;
		answer({ examined: compact(examined) });
	} catch (error) {
		if (!(error instanceof AuditError)) throw error;
		answer({ code: error.code, message: error.message });
	}
}

function answer(value: Answer): void {
	const batch = "examined" in value ? value.examined.batch : undefined;
	// Handed over instead of copied, where nothing else is in the same memory.
	const isAlone = batch !== undefined && batch.byteLength === batch.buffer.byteLength;
	parentPort?.postMessage(value, isAlone ? [batch.buffer as ArrayBuffer] : []);
}

/** Without the memory around it: of a small buffer all of the pool that it was cut from would be copied. */
function compact(examined: Examined): Examined {
	const { before, tree, hashes, root } = examined;
	const only = (bytes: Buffer) => {
		const own = Buffer.allocUnsafeSlow(bytes.length);
		bytes.copy(own);
		return own;
	};
	const treeOf = ({ size, edge }: Tree): Tree => ({ size, edge: edge.map(only) });
	return {
		...examined,
		...{ before: before && treeOf(before), tree: treeOf(tree), hashes: only(hashes), root: only(root) },
	};
}

function given(objects: ReadonlyMap<string, Uint8Array>): Reading {
	return {
		get: async (key) => {
			const bytes = objects.get(key);
			return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		},
		list: async () => [],
	};
}

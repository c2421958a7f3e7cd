import type { Signed } from "../../../audit/format/leaf.ts";
import { decodeLine, linesOf } from "../../../audit/format/line.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";

/** A log in memory, with the keys of its entries and of its checkpoints. */
export function world() {
	const entries = signerFor("Entries");
	const signer = signerFor("Checkpoints");
	const store = new MemoryStore();
	const keys = initialKeys([entries.publicKey]);
	const open = (more: object = {}) => Sequencer.open({ store, origin, signer, keys, ...more });
	const some = (from: number, count: number, writer = "operator") =>
		Promise.all(
			Array.from({ length: count }, (_, at) =>
				signed(entries, entryOf(from + at, { writer: { id: writer, epoch: "1", counter: from + at } })),
			),
		);
	return { entries, signer, store, open, some };
}

/** All entries in the store, as somebody reads them who knows only of batches. */
export function stored(store: MemoryStore): readonly Signed[] {
	return [...store.objects.keys()]
		.filter((key) => key.startsWith("batch/"))
		.sort()
		.flatMap((key) => linesOf(store.objects.get(key) ?? Buffer.alloc(0)).map((line) => decodeLine(line)));
}

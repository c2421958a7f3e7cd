import { createPrivateKey, randomUUID } from "node:crypto";
import { type Entry, encodeEntry } from "../../audit/entry.ts";
import { spkiOf } from "../../audit/format/keys.ts";
import type { Signed } from "../../audit/format/leaf.ts";
import { keySigner, newKey, type Signer } from "../../audit/signer.ts";

export const origin = "log.example";

/** An entry with everything that each one needs, and what a test wants of it. */
export function entryOf(counter: number, rest: Partial<Entry> = {}): Entry {
	return {
		version: 1,
		log: origin,
		id: randomUUID(),
		kind: "Transition",
		writer: { id: "operator", epoch: "1", counter },
		time: {
			wall: new Date(Date.UTC(2026, 0, 1) + counter * 1_000).toISOString().replace("Z", "000Z"),
			monotonic: String(counter * 1_000_000_000),
			boot: "boot-1",
			source: "ntp",
			errorMicroseconds: 500,
		},
		actor: { name: "system:serviceaccount:tradingsafety-system:operator" },
		entity: { type: "TradingSafety", id: "desk-a/desk" },
		action: "raise",
		before: { generation: counter, values: { mode: "Normal" } },
		after: { generation: counter + 1, values: { mode: "Emergency" } },
		...rest,
	};
}

/** A new key for entries, or for checkpoints. */
export function signerFor(purpose: "Entries" | "Checkpoints"): Signer {
	return keySigner(createPrivateKey(newKey(purpose)));
}

/** An entry, signed. */
export async function signed(signer: Signer, entry: Entry): Promise<Signed> {
	const bytes = encodeEntry(entry);
	return { entry: bytes, signature: await signer.sign(bytes), key: spkiOf(signer.publicKey) };
}

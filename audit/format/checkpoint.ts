import { AuditError } from "../error.ts";
import { hashLength } from "./hash.ts";
import type { TreeHead } from "./merkle.ts";
import { isNoteName } from "./note.ts";

/** The text of a checkpoint (C2SP tlog-checkpoint): which log, how many leaves, the hash over them. */
export type Checkpoint = TreeHead & { readonly origin: string };

/** The text that is signed. */
export function encodeCheckpoint({ origin, size, root }: Checkpoint): string {
	return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/** Reads the text of a checkpoint. Throws `FORMAT`. */
export function parseCheckpoint(text: string): Checkpoint {
	const [origin = "", digits = "", encoded = ""] = text.split("\n");
	const size = Number(digits);
	const root = Buffer.from(encoded, "base64");
	const isRight =
		isNoteName(origin) &&
		/^(0|[1-9]\d*)$/.test(digits) &&
		Number.isSafeInteger(size) &&
		root.length === hashLength &&
		// Extension lines are allowed by the format, and none are ours.
		encodeCheckpoint({ origin, size, root }) === text;
	if (!isRight)
		throw new AuditError("FORMAT", `this is no checkpoint: ${JSON.stringify(text.slice(0, 200))}`);
	return { origin, size, root };
}

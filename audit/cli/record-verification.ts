import { userInfo } from "node:os";
import { AuditError } from "../error.ts";
import type { Report } from "../verify/report.ts";
import { findingText } from "./finding-text.ts";
import type { CliOptions } from "./options.ts";
import { plain } from "./plain.ts";
import { needed, writeEntry } from "./write-entry.ts";

/** What is needed to record that a trail was verified, asked for before that takes its time. Throws `USAGE`. */
export function assertRecordable({ signer, spool }: CliOptions): void {
	needed(signer, "which key of the log signs the entry that it was verified? give --signer");
	needed(spool, "where is that entry kept until the log has it? give --spool DIR");
}

/** Records in the log what came out; false where that failed, which is told: what was found out stands all the same. */
export async function recordVerification(
	options: CliOptions,
	{ level, findings, size, root, checkpoints }: Report,
	milliseconds: number,
): Promise<boolean> {
	const [first] = findings;
	const metadata = {
		...{ outcome: first === undefined ? "Good" : "NotGood", level, findings: String(findings.length) },
		...(first !== undefined && { first: plain(findingText(first)).slice(0, 2_000).toWellFormed() }),
		...{ size: String(size), root: root.toString("base64"), checkpoints: String(checkpoints) },
		seconds: (milliseconds / 1_000).toFixed(1),
	};
	const actor = { name: userInfo().username, via: "tradingsafety-audit" };
	const entity = { type: "Log", id: options.origin ?? "" };
	try {
		const happening = { kind: "Verification", action: "verify", actor, entity, metadata } as const;
		const index = await writeEntry(options, happening, "verification");
		console.error(`entry ${index} says that it was verified`);
		return true;
	} catch (error) {
		if (!(error instanceof AuditError)) throw error;
		console.error(plain(`tradingsafety-audit: that it was verified is not recorded: ${error.message}`));
		return false;
	}
}

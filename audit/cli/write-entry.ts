import { rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { entryClock } from "../clock.ts";
import { AuditError } from "../error.ts";
import { handOverTo } from "../hand-over.ts";
import { mostInRound } from "../log/outcome.ts";
import { type Happening, Recorder } from "../recorder.ts";
import { type Signer, signerAt } from "../signer.ts";
import { Spool } from "../spool/spool.ts";
import type { CliOptions } from "./options.ts";

/**
 * Brings one entry into the log, by way of a spool that is gone afterwards. Where nobody knows what became of it the spool stays,
 * and the next call hands the same entry over again. `name`: of the spool, so that one kind of entry never stands before another.
 * Returns its index. Throws `USAGE`, `KEY`, `SPOOL`, `STORE`, and `ENTRY` where the log refuses it.
 */
export async function writeEntry(options: CliOptions, happening: Happening, name: string): Promise<number> {
	const log = needed(options.origin, "for which log? give --origin");
	const parent = needed(options.spool, "where is it kept until the log has it? give --spool DIR");
	const url = needed(options.recordTo, "who keeps the trail? give --record-to URL");
	const key = needed(options.signer, "which key of the log signs it? give --signer");
	// Never the spool of somebody else, whose folder is not to go away.
	const dir = join(parent, name);
	const { handOver, close } = handOverTo({ url });
	try {
		const { outcome, isLeft } = await withSigner(key, async (signer) => {
			const spool = await Spool.open(dir);
			try {
				const left = spool.length > 0;
				const writer = `cli-${hostname().slice(0, 200)}-${spool.epoch}`;
				const recorder = new Recorder({ spool, signer, log, writer, clock: entryClock() });
				if (!left) await recorder.record(happening);
				const outcomes = await handOver((await spool.oldest(mostInRound)).map(({ signed }) => signed));
				return { outcome: outcomes[0], isLeft: left };
			} finally {
				await spool.close();
			}
		});
		rmSync(dir, { recursive: true });
		if (outcome?.kind === "Appended" && !isLeft) return outcome.index;
		if (outcome?.kind === "Refused")
			throw new AuditError("ENTRY", `the log ${log} refuses it: ${outcome.why}`);
		const which = outcome?.kind === "Appended" ? `entry ${outcome.index}` : "in the log";
		throw new AuditError(
			"SPOOL",
			`${dir} held what an earlier call had written, which is ${which} now: look at the timeline, then call again if it is not what you asked for`,
		);
	} finally {
		close();
	}
}

/** Opens what signs for the time of a call. */
export async function withSigner<T>(key: string, act: (signer: Signer) => Promise<T>): Promise<T> {
	const signer = await signerAt(key);
	try {
		return await act(signer);
	} finally {
		await signer.close();
	}
}

/** An option that cannot be left out. Throws `USAGE`. */
export function needed(value: string | undefined, ask: string): string {
	if (value === undefined) throw new AuditError("USAGE", `${ask} (tradingsafety-audit --help)`);
	return value;
}

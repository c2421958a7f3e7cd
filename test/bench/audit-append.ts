import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryClock } from "../../audit/clock.ts";
import { encodeRecord } from "../../audit/format/line.ts";
import { type Happening, Recorder } from "../../audit/recorder.ts";
import { Spool } from "../../audit/spool/spool.ts";
import type { Progress } from "../../dev/cluster/progress.ts";
import { entryOf, origin, signed, signerFor } from "../audit/entries.ts";
import { beginRow, type Row } from "./row.ts";

const happening: Happening = {
	kind: "Transition",
	actor: { name: "system:serviceaccount:tradingsafety-system:operator" },
	entity: { type: "TradingSafety", id: "desk-a/desk" },
	action: "raise",
	before: { generation: 1, values: { mode: "Normal" } },
	after: { generation: 2, values: { mode: "Emergency" } },
};

/** What it takes until an entry is on the disk, beside a bare write and fdatasync of as many bytes; in turn. */
export async function auditAppendRows(
	progress: Progress,
	count: number,
	emit: (row: Row) => void,
): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-bench-"));
	const spool = await Spool.open(join(folder, "spool"));
	const other = await Spool.open(join(folder, "recorded"));
	const bare = await open(join(folder, "bare.log"), "ax", 0o600);
	try {
		const begin = [beginRow(), beginRow()] as const;
		const signer = signerFor("Entries");
		const recorder = new Recorder({
			...{ spool: other, signer, log: origin, writer: "w" },
			clock: entryClock(),
		});
		const ready = await signed(signer, entryOf(0));
		const record = encodeRecord(ready);
		const [bares, appends, records]: [number[], number[], number[]] = [[], [], []];
		const timed = async (into: number[], act: () => Promise<unknown>) => {
			const startedAt = performance.now();
			await act();
			into.push(performance.now() - startedAt);
		};
		for (let turn = 0; turn < count + warmUp; turn += 1) {
			if (turn === warmUp) for (const samples of [bares, appends, records]) samples.length = 0;
			progress.report("audit-append", `${turn} of ${count + warmUp}`);
			await timed(bares, async () => {
				await bare.write(record);
				await bare.datasync();
			});
			await timed(appends, () => spool.append(async () => ready));
			await timed(records, () => recorder.record(happening));
		}
		const baseline = { samples: bares, how: `write and fdatasync of ${record.length} bytes, in turn` };
		const [append, whole] = begin;
		emit(
			append(
				"audit-append",
				"an entry appended to the spool, durable",
				{ kind: "P99TimesBaseline", times: 1.5 },
				{ samples: appends, how: "signed before" },
				baseline,
			),
		);
		emit(
			whole(
				"audit-record",
				"the same with making and signing the entry",
				{ kind: "None" },
				{ samples: records, how: "by a Recorder with a key in a file" },
				baseline,
			),
		);
	} finally {
		await Promise.all([bare.close(), spool.close(), other.close()]);
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Code that was never run is slow, and says nothing of the disk. */
const warmUp = 200;

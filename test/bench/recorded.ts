import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newKey } from "../../audit/signer.ts";
import type { Floor } from "./floor.ts";
import { hangingTrail } from "./hanging-trail.ts";
import { beginRow, type Row } from "./row.ts";
import { createDesks, governing, haltOf, inTurn, namesOf, replicas } from "./told.ts";

/** How soon are ten pods told to stop while a record is kept and the store hangs, beside none being kept? */
export async function recordedRow(floor: Floor, rounds: number): Promise<Row> {
	const make = beginRow();
	const name = "recorded-10";
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-bench-record-"));
	const trail = await hangingTrail();
	try {
		const key = join(folder, "key.pem");
		writeFileSync(key, newKey("Entries"));
		// Each pair has a leader of its own, who restores what it governs.
		const record = (index: number) => [
			...["--lease", "bench-recorded"],
			...["--record-spool", join(folder, String(index)), "--record-key", key],
			...["--record-log", "log.example", "--record-to", trail.url],
		];
		const plainly = () => ["--lease", "bench-unrecorded"];
		const recorded = await createDesks(floor, "recorded", rounds);
		const plain = await createDesks(floor, "unrecorded", rounds);
		const { samples, baseline } = await inTurn(
			floor,
			name,
			rounds,
			governing(floor, recorded, () => floor.startReplicas(replicas, namesOf(recorded), undefined, record)),
			governing(floor, plain, () => floor.startReplicas(replicas, namesOf(plain), undefined, plainly)),
		);
		return make(
			name,
			`${haltOf}, a record kept and the trail hanging: acknowledged -> all told to stop`,
			{ kind: "TimesBaseline", times: 1.25 },
			{ samples, how: `${replicas} replicas, each entry signed and synced to disk` },
			{ samples: baseline, how: `${replicas} replicas without a record` },
		);
	} finally {
		trail.close();
		rmSync(folder, { recursive: true, force: true });
	}
}

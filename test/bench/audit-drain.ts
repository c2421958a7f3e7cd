import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { entryClock } from "../../audit/clock.ts";
import { Drain } from "../../audit/drain.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Leader } from "../../audit/log/leader.ts";
import { Recorder } from "../../audit/recorder.ts";
import { Spool } from "../../audit/spool/spool.ts";
import { S3Store } from "../../audit/store/s3.ts";
import { verify } from "../../audit/verify/verify.ts";
import type { Progress } from "../../dev/cluster/progress.ts";
import { startVersitygw } from "../../dev/stores/versitygw.ts";
import { origin, signerFor } from "../audit/entries.ts";
import { OwnScope } from "../support/scope.ts";
import { until } from "../support/until.ts";
import { BenchError } from "./error.ts";
import { beginRow, type Row } from "./row.ts";

const retentionSeconds = 600;

/** So many entries wait in a spool while the store is away; how fast are they in it when it is back? */
export async function auditDrainRow(
	progress: Progress,
	entries: number,
	emit: (row: Row) => void,
): Promise<void> {
	const scope = new OwnScope();
	try {
		const row = beginRow();
		const folder = mkdtempSync(join(tmpdir(), "tradingsafety-bench-"));
		scope.teardown(() => rmSync(folder, { recursive: true, force: true }));
		const spool = await Spool.open(join(folder, "spool"));
		scope.teardown(() => spool.close());
		const signer = signerFor("Entries");
		const recorder = new Recorder({ ...{ spool, signer, log: origin, writer: "w" }, clock: entryClock() });
		for (let done = 0; done < entries; done += 500) {
			progress.report("audit-drain", `${done} of ${entries} recorded while the store is away`);
			const some = Array.from({ length: Math.min(500, entries - done) }, (_, at) =>
				recorder.record({
					...{ kind: "Transition", actor: { name: "somebody" }, entity: { type: "Desk", id: "a" } },
					action: `act ${done + at}`,
				}),
			);
			await Promise.all(some);
		}
		const server = await startVersitygw(folder);
		scope.teardown(() => server.stop());
		const { url: endpoint, region, credentials } = server;
		const admin = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
		await admin.send(new CreateBucketCommand({ Bucket: "trail", ObjectLockEnabledForBucket: true }));
		admin.destroy();
		const store = new S3Store({ bucket: "trail", endpoint, region, credentials, retentionSeconds });
		scope.teardown(() => store.close());
		const keys = initialKeys([signer.publicKey]);
		const logSigner = signerFor("Checkpoints");
		const failures: unknown[] = [];
		const onFailed = (error: unknown) => failures.push(error);
		const leader = new Leader({ store, origin, signer: logSigner, keys, onFailed });
		scope.teardown(() => leader.stop());
		const drain = new Drain({ spool, handOver: (signed) => leader.append(signed), onFailed });
		progress.report("audit-drain", "the store is back");
		const startedAt = performance.now();
		drain.start();
		scope.teardown(() => drain.stop());
		await until("all is in the store", () => spool.length === 0, { timeoutMilliseconds: 600_000 });
		const seconds = (performance.now() - startedAt) / 1_000;
		const { findings, size } = await verify(store, { origin, logKeys: [logSigner.publicKey], keys });
		if (findings.length > 0 || size !== entries || failures.length > 0) {
			const [first] = [...findings, ...failures];
			throw new BenchError("NOT_AS_EXPECTED", `${size} entries: ${JSON.stringify(first)} ${String(first)}`);
		}
		const how = `${seconds.toFixed(1)} s to versitygw; verified: order and counters are exact`;
		const what = `drain of ${entries.toLocaleString("en")} entries after an outage`;
		emit(
			row(
				"audit-drain",
				what,
				{ kind: "None" },
				{ samples: [entries / seconds], how },
				undefined,
				"entries/s",
			),
		);
	} finally {
		await scope.close();
	}
}

import { spawn } from "node:child_process";
import { createPrivateKey, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { keySigner, newKey } from "../../../audit/signer.ts";
import { S3Store } from "../../../audit/store/s3.ts";
import { verify } from "../../../audit/verify/verify.ts";
import type { ObjectStore } from "../../../dev/stores/server.ts";
import { startVersitygw } from "../../../dev/stores/versitygw.ts";
import { origin } from "../../audit/entries.ts";
import type { OwnScope } from "../../support/scope.ts";
import { drawStory, type KillPoint, type Life, type Story } from "./story.ts";
import type { WriterOrder } from "./writer.ts";

/** How a seed went. */
export type AuditOutcome = {
	readonly seed: number;
	readonly story: Story;
	readonly seconds: number;
	/** Where writers were killed. */
	readonly kills: readonly string[];
	readonly promised: number;
	readonly entries: number;
	readonly breaches: readonly string[];
};

const main = fileURLToPath(new URL("writer.ts", import.meta.url));
/** A writer whose point does not come is killed then, at whatever moment. */
const lifeMilliseconds = 10_000;
const endMilliseconds = 120_000;
const retentionSeconds = 3_600;

/** A store that stories are played on, one after the other. */
export async function openStage(scope: OwnScope): Promise<(seed: number) => Promise<AuditOutcome>> {
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-soak-audit-"));
	scope.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const server = await startVersitygw(join(folder, "store"));
	scope.teardown(() => server.stop());
	return (seed) => play(seed, join(folder, randomUUID()), server, scope);
}

async function play(
	seed: number,
	folder: string,
	server: ObjectStore,
	scope: OwnScope,
): Promise<AuditOutcome> {
	const startedAt = performance.now();
	const story = drawStory(seed);
	const { url: endpoint, region, credentials } = server;
	const bucket = `seed-${randomUUID()}`;
	const admin = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
	await admin.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
	admin.destroy();
	mkdirSync(folder, { recursive: true });
	const [entryKey, logKey] = [newKey("Entries"), newKey("Checkpoints")];
	const store = { bucket, endpoint, region, credentials, retentionSeconds };
	const order = (writer: string, kill?: KillPoint): WriterOrder => ({
		...{ dir: join(folder, writer), writer, store, entryKey, logKey },
		...(kill && { kill }),
	});
	const promised: string[] = [];
	const kills: string[] = [];
	const breaches: string[] = [];
	const live = async ({ writer, kill }: Life) => {
		const { lines, signal } = await run(order(writer, kill), lifeMilliseconds, scope);
		if (signal !== "SIGKILL")
			breaches.push(`writer ${writer} ended by itself: ${lines.slice(-3).join("; ")}`);
		kills.push(lines.find((line) => line.startsWith("killed "))?.slice(7) ?? "at the end of its time");
		for (const line of lines) if (line.startsWith("ack ")) promised.push(`${writer} ${line.slice(4)}`);
	};
	for (const step of story.steps) await Promise.all(step.map(live));
	// In the end everybody brings what is left.
	for (const writer of new Set(story.steps.flat().map((life) => life.writer))) {
		const { lines, code } = await run(order(writer), endMilliseconds, scope);
		if (code !== 0)
			breaches.push(`what ${writer} had left did not reach the store: ${lines.slice(-3).join("; ")}`);
	}
	const there: string[] = [];
	const ids: string[] = [];
	const reading = new S3Store(store);
	const { findings } = await verify(
		reading,
		{
			...{ origin, logKeys: [keySigner(createPrivateKey(logKey)).publicKey] },
			keys: initialKeys([keySigner(createPrivateKey(entryKey)).publicKey]),
		},
		{
			onEntry: ({ id, writer }) => {
				ids.push(id);
				there.push(`${writer.id} ${writer.epoch} ${writer.counter}`);
			},
		},
	);
	reading.close();
	rmSync(folder, { recursive: true, force: true });
	return {
		...{ seed, story, seconds: (performance.now() - startedAt) / 1_000, kills },
		...{ promised: promised.length, entries: there.length },
		breaches: [...breaches, ...findings.map((one) => JSON.stringify(one)), ...judge(promised, there, ids)],
	};
}

/** What was promised is there; no number, and no entry, is there twice or was promised twice. */
export function judge(
	promised: readonly string[],
	there: readonly string[],
	ids: readonly string[],
): readonly string[] {
	const log = new Set(there);
	const lost = promised.filter((one) => !log.has(one));
	return [
		...lost.map((one) => `${one} was promised, and is lost`),
		...(log.size < there.length ? [`${there.length - log.size} numbers are in the log twice`] : []),
		...(new Set(ids).size < ids.length
			? [`${ids.length - new Set(ids).size} entries are in the log twice`]
			: []),
		...(new Set(promised).size < promised.length ? ["a number was promised twice"] : []),
	];
}

async function run(order: WriterOrder, milliseconds: number, scope: OwnScope) {
	const child = spawn(process.execPath, [main, JSON.stringify(order)], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	scope.teardown(() => child.kill("SIGKILL"));
	let text = "";
	const begun = Promise.withResolvers<void>();
	child.stdout.setEncoding("utf8").on("data", (more: string) => {
		text += more;
		if (text.includes("begun\n")) begun.resolve();
	});
	const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
	let timer: NodeJS.Timeout | undefined;
	void Promise.race([begun.promise, order.kill === undefined ? undefined : ended]).then(() => {
		timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
	});
	const [code, signal] = await ended;
	clearTimeout(timer);
	// A line that was not written to its end was promised as well, but which one it was is lost.
	return { code, signal, lines: text.split("\n").slice(0, -1) };
}

/** One line for a seed that went well, all that is known for one that did not. */
export function describeAudit(outcome: AuditOutcome): string {
	const { seed, seconds, kills, promised, entries, breaches, story } = outcome;
	const good = breaches.length === 0;
	const head = `${good ? "ok    " : "FAILED"}  audit seed ${seed} (${seconds.toFixed(1)} s): ${promised} promised, ${entries} in the log; killed ${kills.join(", ")}`;
	if (good) return head;
	const again = `  Again: npm run soak -- --audit --seed ${seed}`;
	return [
		head,
		...breaches.slice(0, 20).map((one) => `    ${one}`),
		`  ${JSON.stringify(story)}`,
		again,
	].join("\n");
}

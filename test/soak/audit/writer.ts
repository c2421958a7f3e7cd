import { createPrivateKey } from "node:crypto";
import { appendFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { entryClock } from "../../../audit/clock.ts";
import { Drain } from "../../../audit/drain.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Leader } from "../../../audit/log/leader.ts";
import { Recorder } from "../../../audit/recorder.ts";
import { keySigner } from "../../../audit/signer.ts";
import { type AppendFile, diskFiles, type SpoolFiles } from "../../../audit/spool/files.ts";
import { Spool } from "../../../audit/spool/spool.ts";
import { S3Store } from "../../../audit/store/s3.ts";
import type { Store } from "../../../audit/store/store.ts";
import { origin } from "../../audit/entries.ts";
import type { KillPoint } from "./story.ts";

/** What a writer is told, as JSON in its first argument. */
export type WriterOrder = {
	readonly dir: string;
	readonly writer: string;
	readonly store: ConstructorParameters<typeof S3Store>[0];
	/** PEM. */
	readonly entryKey: string;
	readonly logKey: string;
	/** Left out: it records nothing, brings what is in its spool to the store, and ends. */
	readonly kill?: KillPoint;
};

// node writer.ts ORDER: records and sequences until it kills itself. It prints what it was promised: `ack EPOCH COUNTER`.

const order = JSON.parse(process.argv[2] ?? "") as WriterOrder;
const { kill } = order;
let reached = 0;

/** Here it ends, if this is the place and the time. */
function pass(at: Exclude<KillPoint["at"], "any">, key = ""): void {
	if (kill === undefined || kill.at !== at) return;
	if ("object" in kill && !isOf(kill.object, key)) return;
	reached += 1;
	if ("nth" in kill && reached === kill.nth) die(`${at} ${key}`);
}

function isOf(object: string, key: string): boolean {
	const isLeaves = key.startsWith("tile/entries/");
	return object === "tile" ? key.startsWith("tile/") && !isLeaves : key.startsWith(`${object}/`);
}

function die(where: string): void {
	writeSync(1, `killed ${where}\n`);
	process.kill(process.pid, "SIGKILL");
}

const killing = (file: AppendFile, path: string): AppendFile => ({
	async append(bytes) {
		pass("append-begun");
		if (kill?.at === "append-half" && reached + 1 === kill.nth) {
			appendFileSync(path, bytes.subarray(0, bytes.length >> 1));
		}
		pass("append-half");
		if (kill?.at === "append-written" && reached + 1 === kill.nth) appendFileSync(path, bytes);
		pass("append-written");
		await file.append(bytes);
		pass("append-synced");
	},
	close: () => file.close(),
});

const files: SpoolFiles = {
	...diskFiles,
	create: async (dir, path) => killing(await diskFiles.create(dir, path), path),
	async replace(dir, path, text) {
		pass("note-begun");
		await diskFiles.replace(dir, path, text);
		pass("note-done");
	},
};

const s3 = new S3Store(order.store);
const store: Store = {
	get: (key) => s3.get(key),
	list: (...args) => s3.list(...args),
	async put(key, bytes) {
		pass("put-begun", key);
		const written = await s3.put(key, bytes);
		pass("put-done", key);
		return written;
	},
};

const spool = await Spool.open(order.dir, files);
const signer = keySigner(createPrivateKey(order.entryKey));
const recorder = new Recorder({
	...{ spool, signer, log: origin, writer: order.writer },
	clock: entryClock(),
});
const leader = new Leader({
	...{ store, origin, signer: keySigner(createPrivateKey(order.logKey)) },
	keys: initialKeys([signer.publicKey]),
	onFailed: (error) => writeSync(1, `failed ${String(error)}\n`),
	pauseMilliseconds: 20,
});
const drain = new Drain({
	spool,
	handOver: (signed) => leader.append(signed),
	onFailed: (error) => writeSync(1, `failed ${String(error)}\n`),
	pauseMilliseconds: 10,
});
drain.start();
if (kill === undefined) {
	while (spool.length > 0) await sleep(5);
	await drain.stop();
	await leader.stop();
	await spool.close();
	s3.close();
} else {
	writeSync(1, "begun\n");
	if (kill.at === "any") setTimeout(() => die("any"), kill.milliseconds);
	for (let turn = 0; ; turn += 1) {
		const some = Array.from({ length: 1 + (turn % 5) }, async () => {
			const counter = await recorder.record({
				...{ kind: "Transition", actor: { name: order.writer }, entity: { type: "Desk", id: "a" } },
				action: `act ${turn}`,
			});
			writeSync(1, `ack ${spool.epoch} ${counter}\n`);
		});
		await Promise.all(some);
		await sleep(3);
	}
}

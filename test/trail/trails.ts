import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { ExecutionContext } from "ava";
import { decodeEntry, type Entry } from "../../audit/entry.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";
import { handOverTo } from "../../audit/hand-over.ts";
import { offerKey } from "../../audit/key-entries.ts";
import type { Happening } from "../../audit/recorder.ts";
import { fileSigner, newKey } from "../../audit/signer.ts";
import { S3Store } from "../../audit/store/s3.ts";
import { Writer } from "../../audit/writer.ts";
import type { ObjectStore } from "../../dev/stores/server.ts";
import { startVersitygw } from "../../dev/stores/versitygw.ts";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/until.ts";

const main = fileURLToPath(new URL("../../trail/main.ts", import.meta.url));
const cli = fileURLToPath(new URL("../../audit/cli/main.ts", import.meta.url));
/** A runner that is killed must not leave trails behind. */
const leash = new URL("../../dev/demo/leash.ts", import.meta.url).href;

export const origin = "trail.example";
export const bucketName = "record";

/** Something that somebody records. */
export const happening: Happening = {
	kind: "Transition",
	actor: { name: "somebody" },
	entity: { type: "TradingSafety", id: "desk-a/desk", uid: "u1" },
	action: "raise",
	before: { generation: 1, values: { mode: "Normal" } },
	after: { generation: 2, resourceVersion: "17", values: { mode: "Emergency" } },
};

/** Who wrote an entry, without the random part of the name that its spool has. */
export function writerOf({ writer }: Entry): string {
	return writer.id.replace(/-[0-9a-f]{8}$/, "");
}

/** A file with a private key for entries. */
export function keyFile(t: ExecutionContext): string {
	const path = join(temporaryFolder(t, "key"), "entries.pem");
	writeFileSync(path, newKey("Entries"), { mode: 0o600 });
	return path;
}

type Answer = { readonly code: number; readonly out: string; readonly err: string };

/** A store, keys, and what a trail is started with. */
export class Place {
	readonly server: ObjectStore;
	readonly folder: string;
	/** Where the store keeps its objects. */
	readonly objects: string;
	readonly #t: ExecutionContext;
	#spools = 0;

	private constructor(t: ExecutionContext, server: ObjectStore, folder: string, objects: string) {
		this.#t = t;
		this.objects = objects;
		this.server = server;
		this.folder = folder;
	}

	static async open(t: ExecutionContext, { withLock = true } = {}): Promise<Place> {
		const disks = temporaryFolder(t, "store");
		const server = await startVersitygw(disks);
		t.teardown(() => server.stop());
		const admin = new S3Client({
			...{
				endpoint: server.url,
				region: server.region,
				credentials: server.credentials,
				forcePathStyle: true,
			},
		});
		await admin.send(new CreateBucketCommand({ Bucket: bucketName, ObjectLockEnabledForBucket: withLock }));
		admin.destroy();
		const place = new Place(t, server, temporaryFolder(t, "trail"), join(disks, "objects"));
		for (const name of ["trail", "writer", "stranger", "later"]) place.#key(name, "Entries");
		place.#key("log", "Checkpoints");
		return place;
	}

	#key(name: string, purpose: "Entries" | "Checkpoints"): void {
		const pem = newKey(purpose);
		writeFileSync(this.path(`${name}.pem`), pem, { mode: 0o600 });
		const key = createPublicKey(pem).export({ type: "spki", format: "pem" });
		writeFileSync(this.path(`${name}.pub`), key);
	}

	/** A file that offers this key to the log. */
	async offer(name: string): Promise<string> {
		const offered = await offerKey(await fileSigner(this.path(`${name}.pem`)), origin);
		writeFileSync(this.path(`${name}.offer.json`), JSON.stringify(offered));
		return this.path(`${name}.offer.json`);
	}

	path(name: string): string {
		return join(this.folder, name);
	}

	/** What says where the trail is, and who is trusted. */
	get trust(): readonly string[] {
		return [
			...["--origin", origin, "--bucket", bucketName, "--endpoint", this.server.url],
			...["--entry-key", this.path("trail.pub"), "--entry-key", this.path("writer.pub")],
		];
	}

	/** Options of a trail with a spool of its own. */
	options(name: string): readonly string[] {
		return [
			...this.trust,
			...["--log-key", this.path("log.pem"), "--key", this.path("trail.pem")],
			...["--spool", this.path(`spool-${name}`), "--identity", name],
			...["--http-port", "0", "--verify-hours", "0"],
		];
	}

	get env(): NodeJS.ProcessEnv {
		const { accessKeyId, secretAccessKey } = this.server.credentials;
		return { ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
	}

	/** Starts a trail; ends with the test. */
	async trail(name = "trail-0", args: readonly string[] = []): Promise<RunningTrail> {
		const child = spawn(process.execPath, ["--import", leash, main, ...this.options(name), ...args], {
			stdio: ["ignore", "ignore", "pipe", "ipc"],
			env: this.env,
		});
		const trail = new RunningTrail(child);
		this.#t.teardown(() => trail.end("SIGKILL"));
		await trail.port();
		return trail;
	}

	/** What it says when it does not start. */
	start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
		return run(main, args, { ...this.env, ...env });
	}

	/** Somebody who records with a key of this place and hands over to whoever is at this address. */
	async writer(name: string, url: string, { key = "writer", log = origin } = {}) {
		const { handOver, close } = handOverTo({ url, timeoutMilliseconds: 30_000 });
		const errors: string[] = [];
		this.#spools += 1;
		const writer = new Writer({
			...{ dir: this.path(`writer-${name}-${this.#spools}`), log, name },
			signer: () => fileSigner(this.path(`${key}.pem`)),
			handOver,
			about: { component: "test" },
			onFailed: (where, error) => errors.push(`${where}: ${error instanceof Error ? error.message : error}`),
		});
		writer.start();
		this.#t.teardown(async () => {
			close();
			await writer.stop();
		});
		return { writer, errors };
	}

	/** What an auditor is told of the whole trail. */
	verify(...args: readonly string[]): Promise<Answer> {
		return run(cli, ["verify", ...this.trust, "--log-key", this.path("log.pub"), ...args], this.env);
	}

	/** Another command of the auditor's program. */
	audit(command: string, ...args: readonly string[]): Promise<Answer> {
		return run(cli, [command, ...this.trust, "--log-key", this.path("log.pub"), ...args], this.env);
	}

	/** The entries in the store, as somebody without our programs reads them. */
	async entries(): Promise<readonly Entry[]> {
		const store = new S3Store({
			...{ bucket: bucketName, region: this.server.region, endpoint: this.server.url, retentionSeconds: 0 },
			credentials: this.server.credentials,
		});
		try {
			const keys = await store.list("batch/");
			const batches = await Promise.all(keys.map((key) => store.get(key)));
			return batches.flatMap((batch) =>
				linesOf(batch ?? Buffer.alloc(0)).map((line) => decodeEntry(decodeLine(line).entry)),
			);
		} finally {
			store.close();
		}
	}
}

/** A trail as a process of its own. */
export class RunningTrail {
	readonly #child: ChildProcess;
	#log = "";

	constructor(child: ChildProcess) {
		this.#child = child;
		child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			this.#log += text;
		});
	}

	/** All that it wrote. */
	get text(): string {
		return this.#log;
	}

	get running(): boolean {
		return this.#child.exitCode === null && this.#child.signalCode === null;
	}

	port(): Promise<number> {
		return until("the trail is there", () => {
			if (!this.running) throw new Error(`the trail ended:\n${this.#log}`);
			const [, port] = /"port":(\d+)/.exec(this.#log) ?? [];
			return port === undefined ? undefined : Number(port);
		});
	}

	async url(path = ""): Promise<string> {
		return `http://127.0.0.1:${await this.port()}${path}`;
	}

	async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
		const response = await fetch(await this.url(path));
		return { status: response.status, text: await response.text() };
	}

	async metric(series: string): Promise<number | undefined> {
		const { text } = await this.get("/metrics");
		const line = text.split("\n").find((one) => one.startsWith(`${series} `));
		return line === undefined ? undefined : Number(line.slice(series.length));
	}

	/** Sends a signal and waits for the end; the exit code, `null` where a signal ended it. */
	async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
		if (this.running) {
			const ended = once(this.#child, "exit");
			this.#child.kill(signal);
			await ended;
		}
		return this.#child.exitCode;
	}
}

function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Answer> {
	return new Promise((resolve) => {
		execFile(process.execPath, [script, ...args], { env, maxBuffer: 2 ** 26 }, (error, out, err) =>
			resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err }),
		);
	});
}

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "typebox";
import { Check } from "typebox/value";
import type { Remembered } from "../core/memory.ts";
import { modes } from "../crds/vocabulary.ts";
import { wait } from "../kube/backoff.ts";
import { OperatorError } from "./error.ts";

const suffix = ".json";
const retryMilliseconds = 5_000;
/** A disk that takes longer than this for one file is not to be counted on. */
const slowMilliseconds = 5_000;
const stopMilliseconds = 2_000;

const mode = Type.Enum([...modes]);
const regressed = Type.Object({
	at: Type.Optional(Type.String()),
	generation: Type.Optional(Type.Integer()),
	remembered: Type.Optional(Type.String()),
	found: Type.Optional(Type.String()),
});
const fileSchema = Type.Object({
	version: Type.Literal(1),
	namespace: Type.String(),
	desk: Type.Object({
		uid: Type.String(),
		generation: Type.Integer(),
		resourceVersion: Type.String(),
		mode,
		freeze: Type.Boolean(),
		enforces: Type.Boolean(),
		targetModes: Type.Record(Type.String(), mode),
		recordedAt: Type.Record(Type.String(), Type.String()),
		raisedAt: Type.Optional(Type.String()),
		regressed: Type.Optional(regressed),
		untold: Type.Optional(Type.Boolean()),
		time: Type.String(),
	}),
});

/**
 * One small file for each desk, so that a replica remembers across its own end what the cluster may forget. A
 * file is whole or not there: written beside, synced, renamed. Writes come one after the other, in the
 * background, and nothing waits for them.
 */
export class StateDir {
	readonly #dir: string;
	readonly #onError: (error: OperatorError) => void;
	readonly #stopped = new AbortController();
	/** By namespace: what is still to be written, or to be removed. */
	readonly #waiting = new Map<string, Remembered | undefined>();
	#writing: Promise<void> | undefined;
	#busySince: number | undefined;
	#failure: string | undefined;

	constructor(dir: string, onError: (error: OperatorError) => void) {
		this.#dir = dir;
		this.#onError = onError;
	}

	/** What is remembered, by namespace. A file that is torn or no memory of ours is told of, and left out. */
	async load(): Promise<ReadonlyMap<string, Remembered>> {
		this.#busySince = performance.now();
		const found = new Map<string, Remembered>();
		try {
			await mkdir(this.#dir, { recursive: true, mode: 0o700 });
			for (const name of await readdir(this.#dir)) {
				if (!name.endsWith(suffix)) continue;
				const namespace = name.slice(0, -suffix.length);
				const memory = await this.#read(namespace);
				if (memory !== undefined) found.set(namespace, memory);
			}
			this.#failure = undefined;
		} catch (cause) {
			this.#fail(`cannot read the state directory ${this.#dir}`, cause);
		} finally {
			this.#busySince = undefined;
		}
		return found;
	}

	/** Writes what to remember of a desk, soon; `undefined` removes it. */
	keep(namespace: string, memory: Remembered | undefined): void {
		this.#waiting.set(namespace, memory);
		this.#writing ??= this.#writeAll().finally(() => {
			this.#writing = undefined;
		});
	}

	/** Why what is remembered may not outlive this process; undefined when all of it is on disk, or about to be. */
	problem(): string | undefined {
		if (this.#failure !== undefined) return this.#failure;
		const slow = performance.now() - (this.#busySince ?? Number.POSITIVE_INFINITY) > slowMilliseconds;
		return slow ? `the state directory ${this.#dir} does not answer` : undefined;
	}

	/** Writes what waits, if that is soon done. */
	async stop(): Promise<void> {
		const limit = AbortSignal.timeout(stopMilliseconds);
		const writing = this.#writing;
		if (writing !== undefined && this.#failure === undefined) {
			await Promise.race([writing, wait(stopMilliseconds, limit)]);
		}
		this.#stopped.abort();
	}

	async #read(namespace: string): Promise<Remembered | undefined> {
		const path = this.#path(namespace);
		try {
			const content: unknown = JSON.parse(await readFile(path, "utf8"));
			if (Check(fileSchema, content) && content.namespace === namespace) return content.desk;
			this.#onError(
				new OperatorError("STATE", `${path} is no memory of a desk: nothing is remembered of it`),
			);
		} catch (cause) {
			const message = `${path} cannot be read: nothing is remembered of this desk`;
			this.#onError(new OperatorError("STATE", message, { cause }));
		}
		return undefined;
	}

	async #writeAll(): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			const [next] = this.#waiting;
			if (next === undefined) return;
			const [namespace, memory] = next;
			this.#waiting.delete(namespace);
			this.#busySince = performance.now();
			try {
				await (memory === undefined
					? rm(this.#path(namespace), { force: true })
					: this.#write(namespace, memory));
				this.#failure = undefined;
			} catch (cause) {
				this.#fail(`cannot write to the state directory ${this.#dir}`, cause);
				if (!this.#waiting.has(namespace)) this.#waiting.set(namespace, memory);
				this.#busySince = undefined;
				await wait(retryMilliseconds, signal);
			} finally {
				this.#busySince = undefined;
			}
		}
	}

	async #write(namespace: string, desk: Remembered): Promise<void> {
		const path = this.#path(namespace);
		const beside = `${path}.new`;
		const file = await open(beside, "w", 0o600);
		try {
			await file.writeFile(JSON.stringify({ version: 1, namespace, desk }));
			await file.sync();
		} finally {
			await file.close();
		}
		await rename(beside, path);
		const folder = await open(this.#dir, "r");
		try {
			await folder.sync();
		} finally {
			await folder.close();
		}
	}

	#fail(message: string, cause: unknown): void {
		this.#failure = `${message}: ${cause instanceof Error ? cause.message : String(cause)}`;
		this.#onError(new OperatorError("STATE", this.#failure, { cause }));
	}

	#path(namespace: string): string {
		return join(this.#dir, `${namespace}${suffix}`);
	}
}

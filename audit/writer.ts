import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClockQuality, type EntryTime, entryClock } from "./clock.ts";
import { Drain, type HandOver } from "./drain.ts";
import type { Entry } from "./entry.ts";
import { AuditError, isAuditError, messageOf } from "./error.ts";
import { type Happening, Recorder } from "./recorder.ts";
import type { Signer } from "./signer.ts";
import { diskFiles, type SpoolFiles } from "./spool/files.ts";
import { Spool } from "./spool/spool.ts";

/** Settings of a {@link Writer}. None of the hooks may throw. */
export type WriterOptions = {
	/** Folder of its spool, its own alone. */
	readonly dir: string;
	/** The name of the log. */
	readonly log: string;
	/** What this component is called. With a random part it becomes the writer's name, which stays with the folder. */
	readonly name: string;
	/** Opens what signs entries; closed with the writer. Tried again when it throws. */
	readonly signer: () => Promise<Signer>;
	/** Brings entries to whoever sequences them. */
	readonly handOver: HandOver;
	/** What this component is, for the entry that it began. */
	readonly about: Readonly<Record<string, string>>;
	/** Told of each failure; it is tried again. */
	readonly onFailed: (where: "Spool" | "HandOver", error: unknown) => void;
	/** Told of entries that are in the store now. */
	readonly onStored?: (count: number) => void;
	/** What is known of the clock of this machine; nothing when absent. */
	readonly clockQuality?: () => ClockQuality;
	/** How often it shows that it lives: seconds. */
	readonly heartbeatSeconds?: number;
	/** Where its spool is; the disk when absent. */
	readonly files?: SpoolFiles;
	/** Called at the end, so that no hand-over is waited for. */
	readonly onEnd?: () => void;
};

/** How what is recorded stands. */
export type WriterState =
	/** All of it is in the store. */
	| { readonly kind: "Current" }
	/** On the disk, and not in the store yet. */
	| {
			readonly kind: "Behind";
			readonly entries: number;
			readonly milliseconds: number;
			readonly why: string | undefined;
	  }
	/** Not even on the disk, or soon not. */
	| { readonly kind: "Failing"; readonly why: string; readonly entries: number };

type Pending = { readonly ticket: number; readonly happening: Happening; readonly since: number };
type Opened = {
	readonly spool: Spool;
	readonly recorder: Recorder;
	readonly drain: Drain;
	readonly signer: Signer;
};

const heartbeatSeconds = 300;
const retryMilliseconds = 1_000;
const lookMilliseconds = 5_000;
/** What is not on the disk after this has met one that hangs. */
const longestWriteMilliseconds = 5_000;
const mostAtOnce = 64;
/** What is kept in memory while the disk fails. */
const mostPending = 10_000;
/** How long an end on purpose waits for the disk, then for the store. */
const endMilliseconds = 1_500;
/** How long after that for what is under way. */
const closeMilliseconds = 2_000;

/**
 * What one component records. {@link record} never waits and never throws: whoever acts goes on. Everything reaches the disk in
 * the order in which it happened, and the store when that answers. While disk or key fail it waits in memory.
 */
export class Writer {
	readonly #options: WriterOptions;
	readonly #clock: () => EntryTime;
	readonly #pending: Pending[] = [];
	/** What is on the disk and not known to be in the store. */
	readonly #spooled: { readonly ticket: number; readonly counter: number }[] = [];
	readonly #stopped = new AbortController();
	readonly #timers: NodeJS.Timeout[] = [];
	#opened: Opened | undefined;
	/** Those of {@link onDisk}, told of each entry that is. */
	readonly #waiting = new Set<() => void>();
	#ticket = 0;
	#storedTicket = 0;
	#lost = 0;
	#failure: string | undefined;
	#diskProblem: string | undefined;
	#looking = false;
	#working: Promise<void> | undefined;
	#ending: Promise<void> | undefined;

	constructor(options: WriterOptions) {
		this.#options = options;
		this.#clock = entryClock(options.clockQuality);
	}

	/** Records that this component began, and brings what is left of before to the store. */
	start(): void {
		const { heartbeatSeconds: seconds = heartbeatSeconds, about } = this.#options;
		const beat = () =>
			this.record(this.#own("Heartbeat", "live", { nextWithinSeconds: String(Math.ceil(seconds)) }));
		this.record(this.#own("Started", "start", about));
		beat();
		this.#timers.push(setInterval(beat, seconds * 1_000));
		this.#timers.push(setInterval(() => void this.#look(), lookMilliseconds));
		for (const timer of this.#timers) timer.unref();
	}

	/** Records what happened, with the time of this call. The result names it for {@link isStored}: that of what is left out never is. */
	record(happening: Happening): number {
		this.#ticket += 1;
		const timed = { time: this.#clock(), ...happening };
		if (this.#pending.length >= mostPending) {
			this.#lost += 1;
			return Number.POSITIVE_INFINITY;
		}
		this.#pending.push({ ticket: this.#ticket, happening: timed, since: performance.now() });
		this.#working ??= this.#work();
		return this.#ticket;
	}

	/** True once it, and all that was recorded before it, is in the store. */
	isStored(ticket: number): boolean {
		return ticket <= this.#storedTicket;
	}

	/** What {@link record} returned last. */
	get lastTicket(): number {
		return this.#ticket;
	}

	/**
	 * Resolves with true once it, and all that was recorded before it, is on the disk; with false when that takes longer than so
	 * many milliseconds.
	 */
	onDisk(ticket: number, milliseconds: number): Promise<boolean> {
		return new Promise((resolve) => {
			const done = (isOnDisk: boolean) => {
				clearTimeout(timer);
				this.#waiting.delete(look);
				resolve(isOnDisk);
			};
			const look = () => {
				if (this.isOnDisk(ticket)) done(true);
			};
			const timer = setTimeout(() => done(false), milliseconds);
			this.#waiting.add(look);
			look();
		});
	}

	/** True once it, and all that was recorded before it, is on the disk. */
	isOnDisk(ticket: number): boolean {
		return ticket < (this.#pending[0]?.ticket ?? Number.POSITIVE_INFINITY);
	}

	/** How what is recorded stands now. */
	state(): WriterState {
		const why = this.#failure ?? this.#hanging() ?? this.#diskProblem;
		const entries = this.#pending.length + (this.#opened?.spool.length ?? 0);
		if (why !== undefined) return { kind: "Failing", why, entries };
		const behind = this.#opened?.drain.behind();
		if (behind === undefined && entries === 0) return { kind: "Current" };
		return { kind: "Behind", entries, milliseconds: behind?.milliseconds ?? 0, why: behind?.why };
	}

	/** Records that it ended on purpose, and gives disk and store a moment. What is left goes to the store the next time. Safe to call twice. */
	stop(): Promise<void> {
		this.#ending ??= this.#end();
		return this.#ending;
	}

	async #end(): Promise<void> {
		for (const timer of this.#timers) clearInterval(timer);
		this.record(this.#own("Stopped", "stop"));
		const until = performance.now() + endMilliseconds;
		const isOver = () => performance.now() > until || this.state().kind === "Current";
		while (!isOver()) await sleep(10);
		this.#stopped.abort();
		this.#options.onEnd?.();
		// A disk that hangs is not waited for: the kernel closes what is open.
		await Promise.race([this.#close(), sleep(closeMilliseconds, undefined, { ref: false })]);
	}

	async #close(): Promise<void> {
		await Promise.all([this.#working, this.#opened?.drain.stop()]);
		const { drain, spool, signer } = this.#opened ?? {};
		await drain?.stop();
		await spool?.close();
		await signer?.close();
	}

	async #open(): Promise<Opened> {
		const { dir, log, files, handOver, onFailed, onStored } = this.#options;
		const signer = await this.#options.signer();
		try {
			const spool = await Spool.open(dir, files);
			try {
				const writer = await nameOf(this.#options);
				const recorder = new Recorder({ spool, signer, log, writer, clock: this.#clock });
				const drain = new Drain({
					...{ spool, handOver, onFailed: (error) => onFailed("HandOver", error) },
					onDone: (count) => {
						this.#settle();
						onStored?.(count);
					},
				});
				drain.start();
				return { spool, recorder, drain, signer };
			} catch (error) {
				await spool.close();
				throw error;
			}
		} catch (error) {
			await signer.close();
			throw error;
		}
	}

	/** Why nothing gets to the disk, where it takes too long. */
	#hanging(): string | undefined {
		const [oldest] = this.#pending;
		const waited = oldest === undefined ? 0 : performance.now() - oldest.since;
		if (waited < longestWriteMilliseconds) return undefined;
		return `for ${Math.round(waited / 1_000)} s nothing has got to the disk of ${this.#options.dir}: does that hang, or what signs?`;
	}

	async #look(): Promise<void> {
		const hanging = this.#hanging();
		if (hanging !== undefined) this.#options.onFailed("Spool", new AuditError("SPOOL", hanging));
		// A disk that hangs does not answer this either.
		if (this.#looking) return;
		this.#looking = true;
		const problem = await this.#opened?.spool.problem();
		this.#looking = false;
		if (problem !== undefined && problem !== this.#diskProblem) {
			this.#options.onFailed("Spool", new AuditError("SPOOL", problem));
		}
		this.#diskProblem = problem;
	}

	async #work(): Promise<void> {
		const { signal } = this.#stopped;
		while (this.#pending.length > 0) {
			try {
				this.#opened ??= await this.#open();
				await this.#writeSome(this.#opened.recorder);
				if (this.#lost > 0) await this.#tellLost(this.#opened.recorder);
				this.#failure = undefined;
				for (const look of this.#waiting) look();
			} catch (error) {
				this.#failure = messageOf(error);
				this.#options.onFailed("Spool", error);
				if (signal.aborted) break;
				await sleep(retryMilliseconds, undefined, { signal }).catch(() => {});
			}
		}
		this.#settle();
		// In the same turn as the last look: what comes after it finds nobody at work.
		this.#working = undefined;
	}

	/** The oldest that wait, together: the disk is synced once for all of them, since a store of the cluster may be on it too. */
	async #writeSome(recorder: Recorder): Promise<void> {
		const some = this.#pending.slice(0, mostAtOnce);
		const outcomes = await Promise.allSettled(some.map(({ happening }) => recorder.record(happening)));
		for (const [at, { ticket, happening }] of some.entries()) {
			const outcome = outcomes[at];
			const isWritten = outcome?.status === "fulfilled";
			// Of those after the first that failed none is written.
			const counter = isWritten
				? outcome.value
				: await this.#writeInstead(recorder, happening, outcome?.reason);
			this.#pending.shift();
			this.#spooled.push({ ticket, counter });
			if (!isWritten) return;
		}
	}

	/** What cannot be an entry becomes one that says so: it is not left out in silence. */
	async #writeInstead(recorder: Recorder, happening: Happening, error: unknown): Promise<number> {
		if (!isAuditError(error, "ENTRY")) throw error;
		this.#options.onFailed("Spool", error);
		const { kind, time } = happening;
		const said = { kind, why: plain(messageOf(error)), happening: plain(JSON.stringify(happening)) };
		return recorder.record({ ...this.#own("Exception", "NotRecorded", said), ...(time && { time }) });
	}

	async #tellLost(recorder: Recorder): Promise<void> {
		const lost = this.#lost;
		const said = { count: String(lost), why: "the disk failed for too long" };
		await recorder.record(this.#own("Exception", "NotRecorded", said));
		this.#lost -= lost;
	}

	/** What the spool no longer holds is in the store. */
	#settle(): void {
		const stored = this.#opened?.spool.stored ?? 0;
		const left = this.#spooled.findIndex(({ counter }) => counter >= stored);
		const done = this.#spooled.splice(0, left < 0 ? this.#spooled.length : left);
		this.#storedTicket = done.at(-1)?.ticket ?? this.#storedTicket;
	}

	#own(kind: Entry["kind"], action: string, metadata?: Readonly<Record<string, string>>): Happening {
		const { name } = this.#options;
		return {
			...{ kind, action, actor: { name }, entity: { type: "Component", id: name } },
			...(metadata && { metadata }),
		};
	}
}

/** The name that is kept in the folder: counters are told apart by it, so that it must never be that of another folder. */
async function nameOf({ dir, name }: WriterOptions): Promise<string> {
	const path = join(dir, "writer");
	try {
		if ((await diskFiles.names(dir)).includes("writer")) {
			const known = (await diskFiles.read(path)).toString().trim();
			if (known !== "") return known;
			throw new Error("it is empty: move the folder away, and what is in it is not sent");
		}
		const id = `${name.slice(0, 200)}-${randomBytes(4).toString("hex")}`;
		await diskFiles.replace(dir, path, `${id}\n`);
		return id;
	} catch (cause) {
		throw new AuditError("SPOOL", `${path} does not say who writes here: ${messageOf(cause)}`, { cause });
	}
}

/** Text that can stand in every entry. */
function plain(text: string): string {
	return text.toWellFormed().slice(0, 2_000).toWellFormed();
}

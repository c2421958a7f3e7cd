import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { messageOf } from "../audit/error.ts";
import type { Happening } from "../audit/recorder.ts";
import { TrailError } from "./error.ts";
import type { VerifyJob } from "./verify-child.ts";

/** What a verification of the whole log came to. */
export type VerifyOutcome = {
	readonly size: number;
	/** Base64. */
	readonly root: string;
	readonly checkpoints: number;
	/** How many things are wrong. */
	readonly findings: number;
	/** The first of them. */
	readonly first?: string;
	/** The signed note of this size. */
	readonly checkpoint?: string;
};

/** Settings of a {@link SelfVerifier}. The hooks must not throw. */
export type SelfVerifierOptions = {
	/** Folder for the checkpoint that was last found good. */
	readonly dir: string;
	readonly job: Omit<VerifyJob, "remembered">;
	/** Who verifies, for the record. */
	readonly identity: string;
	readonly everySeconds: number;
	readonly onDone: (outcome: VerifyOutcome, seconds: number) => void;
	readonly onFailed: (error: unknown) => void;
	readonly record: (happening: Happening) => void;
};

const child = fileURLToPath(new URL("verify-child.ts", import.meta.url));
/** How soon it is tried again when it could not be done. */
const againSeconds = 600;
/** The longest that a timer can wait. */
const mostMilliseconds = 2 ** 31 - 1;

/**
 * Verifies the whole log from time to time, in a process of its own, so that whoever hands over entries does not wait for it,
 * and records what came out. It remembers the last checkpoint that was good, on its own disk: a log that is cut off or written
 * anew behind its back does not match it.
 */
export class SelfVerifier {
	readonly #options: SelfVerifierOptions;
	readonly #kept: string;
	#timer: NodeJS.Timeout | undefined;
	#child: ChildProcess | undefined;
	#working: Promise<void> = Promise.resolve();
	#isStopped = false;

	constructor(options: SelfVerifierOptions) {
		this.#options = options;
		this.#kept = join(options.dir, "verified-checkpoint");
	}

	/** Begins, at once where it is due. */
	start(): void {
		this.#working = this.#first();
	}

	/** Ends a verification that is under way. */
	async stop(): Promise<void> {
		this.#isStopped = true;
		clearTimeout(this.#timer);
		this.#child?.kill("SIGKILL");
		await this.#working;
	}

	async #first(): Promise<void> {
		const changedAt = await stat(this.#kept).then(
			({ mtimeMs }) => mtimeMs,
			() => 0,
		);
		const due = changedAt + this.#options.everySeconds * 1_000 - Date.now();
		if (due <= 0) return this.#turn();
		this.#schedule(due);
	}

	#schedule(milliseconds: number): void {
		if (this.#isStopped) return;
		this.#timer = setTimeout(
			() => {
				this.#working = this.#turn();
			},
			Math.min(milliseconds, mostMilliseconds),
		);
		this.#timer.unref();
	}

	async #turn(): Promise<void> {
		const { identity, job, onDone, onFailed, record, everySeconds } = this.#options;
		const startedAt = performance.now();
		const said = (metadata: Readonly<Record<string, string>>) =>
			record({
				...{ kind: "Verification", action: "verify", actor: { name: identity } },
				...{ entity: { type: "Log", id: job.origin }, metadata },
			});
		try {
			const outcome = await this.#verify();
			const seconds = (performance.now() - startedAt) / 1_000;
			onDone(outcome, seconds);
			const { size, root, checkpoints, findings, first } = outcome;
			said({
				...{ outcome: findings === 0 ? "Good" : "NotGood", findings: String(findings) },
				...(first !== undefined && { first: first.toWellFormed().slice(0, 2_000).toWellFormed() }),
				...{ size: String(size), root, checkpoints: String(checkpoints), seconds: seconds.toFixed(1) },
			});
			this.#schedule(everySeconds * 1_000);
		} catch (error) {
			if (this.#isStopped) return;
			onFailed(error);
			said({ outcome: "NotDone", why: messageOf(error).toWellFormed().slice(0, 2_000).toWellFormed() });
			this.#schedule(Math.min(everySeconds, againSeconds) * 1_000);
		}
	}

	async #verify(): Promise<VerifyOutcome> {
		const remembered = await readFile(this.#kept, "utf8").then(
			(note) => [note],
			(error: NodeJS.ErrnoException) => {
				if (error.code === "ENOENT") return [];
				throw error;
			},
		);
		const outcome = await this.#ask({ ...this.#options.job, remembered });
		if (outcome.findings === 0 && outcome.checkpoint !== undefined) {
			await mkdir(this.#options.dir, { recursive: true, mode: 0o700 });
			await writeFile(`${this.#kept}.new`, outcome.checkpoint, { mode: 0o600, flush: true });
			await rename(`${this.#kept}.new`, this.#kept);
		}
		return outcome;
	}

	async #ask(job: VerifyJob): Promise<VerifyOutcome> {
		const process_ = spawn(process.execPath, [child], { stdio: "pipe" });
		this.#child = process_;
		try {
			process_.stdin.on("error", () => {});
			process_.stdin.end(JSON.stringify(job));
			const ended = once(process_, "exit");
			if (process_.pid !== undefined) setPriority(process_.pid, constants.priority.PRIORITY_LOW);
			const [out, problems, [code, signal]] = await Promise.all([
				text(process_.stdout),
				text(process_.stderr),
				ended,
			]);
			if (code === 0) return JSON.parse(out) as VerifyOutcome;
			const why = problems.trim().split("\n").slice(-10).join("\n").slice(0, 1_500);
			throw new TrailError("STORE", `the log was not verified (${signal ?? code}): ${why}`);
		} finally {
			this.#child = undefined;
		}
	}
}

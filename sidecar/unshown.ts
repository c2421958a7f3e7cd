import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { modes } from "../crds/vocabulary.ts";
import { SidecarError } from "./error.ts";
import type { Raise } from "./raise.ts";

/** A raise of one desk. */
export type DeskRaise = { readonly namespace: string; readonly raise: Raise };

const suffix = ".json";

/**
 * The raises that no desk shows yet, one small file for each, so that a press of a button that does not latch outlives the
 * process. A file is whole or not there. Writing goes on beside everything else: no raise waits for it.
 */
export class UnshownRaises {
	readonly #dir: string;
	readonly #onError: (error: SidecarError) => void;
	/** Trips of the raises that are to be on disk. */
	readonly #open = new Set<string>();
	#work: Promise<void> = Promise.resolve();

	constructor(dir: string, onError: (error: SidecarError) => void) {
		this.#dir = dir;
		this.#onError = onError;
	}

	/** What a process before this one left. A file that is none of ours is told of and left alone. */
	async load(): Promise<readonly DeskRaise[]> {
		const found: DeskRaise[] = [];
		await this.#try(`${this.#dir} cannot be read: raises of a process before are not repeated`, async () => {
			await mkdir(this.#dir, { recursive: true, mode: 0o700 });
			for (const name of await readdir(this.#dir)) {
				if (!name.endsWith(suffix)) continue;
				const path = join(this.#dir, name);
				const left = readRaise(await readFile(path, "utf8"));
				if (left === undefined) {
					this.#onError(new SidecarError("STATE", `${path} is no raise: look at it, and remove it`));
					continue;
				}
				found.push(left);
				this.#open.add(left.raise.trip.id);
			}
		});
		return found;
	}

	/** Writes one, soon. */
	add(left: DeskRaise): void {
		const { id } = left.raise.trip;
		if (this.#open.has(id)) return;
		this.#open.add(id);
		this.#next(
			`a press cannot be written to ${this.#dir}: it is lost if this process ends before a desk shows it`,
			async () => {
				// Most are shown before their turn comes.
				if (this.#open.has(id)) await this.#write(left);
			},
		);
	}

	/** The desk shows it: nothing is left of it. */
	remove({ namespace, raise }: DeskRaise): void {
		if (!this.#open.delete(raise.trip.id)) return;
		const path = this.#path(namespace, raise);
		this.#next(`${path} cannot be removed: the raise is repeated when this process starts again`, () =>
			rm(path, { force: true }),
		);
	}

	/** Resolves when all that was asked for is done or has failed. */
	async settled(): Promise<void> {
		await this.#work;
	}

	#next(failure: string, act: () => Promise<void>): void {
		this.#work = this.#work.then(() => this.#try(failure, act));
	}

	async #try(failure: string, act: () => Promise<void>): Promise<void> {
		try {
			await act();
		} catch (cause) {
			const why = cause instanceof Error ? cause.message : String(cause);
			this.#onError(new SidecarError("STATE", `${failure}: ${why}`, { cause }));
		}
	}

	async #write({ namespace, raise }: DeskRaise): Promise<void> {
		const path = this.#path(namespace, raise);
		const beside = `${path}.new`;
		const file = await open(beside, "w", 0o600);
		try {
			await file.writeFile(JSON.stringify({ namespace, raise }));
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

	#path(namespace: string, { trip }: Raise): string {
		return join(this.#dir, `${namespace}.${trip.id}${suffix}`);
	}
}

/** Undefined for what no sidecar has written. */
function readRaise(text: string): DeskRaise | undefined {
	let content: Partial<DeskRaise> | null;
	try {
		content = JSON.parse(text);
	} catch {
		return undefined;
	}
	const { namespace, raise } = content ?? {};
	const { id, source, at, type } = raise?.trip ?? {};
	const isRaise =
		[namespace, id, source, at, type].every((one) => typeof one === "string" && one !== "") &&
		modes.some((mode) => mode === raise?.mode);
	return isRaise ? (content as DeskRaise) : undefined;
}

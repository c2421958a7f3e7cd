import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AuditError, messageOf } from "../error.ts";
import type { Reading } from "./store.ts";

/** A trail that was fetched into a folder, under the keys that it had in the store. */
export class FolderStore implements Reading {
	readonly folder: string;

	constructor(folder: string) {
		this.folder = folder;
	}

	async get(key: string): Promise<Buffer | undefined> {
		try {
			// Whoever reads a folder has nothing else to do, and many small files are read in half the time like this.
			return readFileSync(join(this.folder, key));
		} catch (cause) {
			if (isNotThere(cause)) return undefined;
			throw new AuditError("STORE", `${join(this.folder, key)} cannot be read: ${messageOf(cause)}`, {
				cause,
			});
		}
	}

	async list(
		prefix: string,
		{ after = "", most = Number.POSITIVE_INFINITY }: { readonly after?: string; readonly most?: number } = {},
	): Promise<readonly string[]> {
		const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
		const found = await this.#below(folder);
		return found
			.filter((key) => key.startsWith(prefix) && key > after)
			.sort()
			.slice(0, most);
	}

	async #below(folder: string): Promise<readonly string[]> {
		try {
			const found = await readdir(join(this.folder, folder), { recursive: true, withFileTypes: true });
			const root = join(this.folder, folder);
			return found
				.filter((one) => one.isFile())
				.map((one) => `${folder}${join(one.parentPath, one.name).slice(root.length)}`);
		} catch (cause) {
			if (isNotThere(cause)) return [];
			throw new AuditError("STORE", `${join(this.folder, folder)} cannot be read: ${messageOf(cause)}`, {
				cause,
			});
		}
	}
}

function isNotThere(error: unknown): boolean {
	const { code } = error as NodeJS.ErrnoException;
	// A folder is no object, whatever its name.
	return code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR";
}

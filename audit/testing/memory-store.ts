import { AuditError } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import type { Store, Written } from "../store/store.ts";

/** A store in memory, for faults that a real one cannot be made to show at a given call. */
export class MemoryStore implements Store {
	readonly objects = new Map<string, Buffer>();
	/** Called before each write: may throw (nothing is written) or wait. */
	onPut: (key: string) => void | Promise<void> = () => {};
	/** Called after each write: may throw, as when the answer is lost. */
	onWritten: (key: string) => void | Promise<void> = () => {};
	/** Objects read. */
	reads = 0;

	async put(key: string, bytes: Buffer): Promise<Written> {
		await this.onPut(key);
		const there = this.objects.get(key);
		if (there !== undefined && !there.equals(bytes)) {
			throw new AuditError("FENCED", `${key} was written by somebody else, with other bytes`);
		}
		this.objects.set(key, there ?? Buffer.from(bytes));
		await this.onWritten(key);
		const digest = sha256(bytes).toString("hex");
		return { key, versionId: "1", sha256: digest, bytes: bytes.length, retainUntil: "" };
	}

	async get(key: string): Promise<Buffer | undefined> {
		this.reads += 1;
		return this.objects.get(key);
	}

	async list(
		prefix: string,
		{ after = "", most = Number.POSITIVE_INFINITY }: { readonly after?: string; readonly most?: number } = {},
	): Promise<readonly string[]> {
		const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
		return keys.sort().slice(0, most);
	}
}

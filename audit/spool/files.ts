import {
	mkdir,
	open,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	statfs,
	truncate,
	writeFile,
} from "node:fs/promises";

/** A file that is appended to. */
export type AppendFile = {
	/** Writes all bytes, and returns when they are on the disk (fdatasync). */
	readonly append: (bytes: Buffer) => Promise<void>;
	readonly close: () => Promise<void>;
};

/** What a spool needs of a file system: as an interface so that a test can play a disk that fails. */
export type SpoolFiles = {
	readonly names: (dir: string) => Promise<readonly string[]>;
	readonly read: (path: string) => Promise<Buffer>;
	/** Makes an empty file whose name is on the disk, and opens it. */
	readonly create: (dir: string, path: string) => Promise<AppendFile>;
	readonly cut: (path: string, length: number) => Promise<void>;
	/** Writes a small file as a whole or not at all. */
	readonly replace: (dir: string, path: string, text: string) => Promise<void>;
	readonly remove: (path: string) => Promise<void>;
	/** When it was last written to: milliseconds since 1970. */
	readonly changedAt: (path: string) => Promise<number>;
	/** Part of the disk that is used, 0 to 1. */
	readonly used: (dir: string) => Promise<number>;
};

/** The disk. */
export const diskFiles: SpoolFiles = {
	async names(dir) {
		await mkdir(dir, { recursive: true, mode: 0o700 });
		return (await readdir(dir)).sort();
	},
	read: (path) => readFile(path),
	async create(dir, path) {
		const file = await open(path, "ax", 0o600);
		await syncFolder(dir);
		return appender(file);
	},
	cut: truncate,
	async replace(dir, path, text) {
		await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
		await rename(`${path}.new`, path);
		await syncFolder(dir);
	},
	remove: (path) => rm(path, { force: true }),
	changedAt: async (path) => (await stat(path)).mtimeMs,
	async used(dir) {
		const { blocks, bavail } = await statfs(dir);
		return blocks === 0 ? 0 : 1 - bavail / blocks;
	},
};

/**
 * The same, one call after the other: a disk that hangs holds one of the four threads in which Node.js reads every file and resolves
 * every name, and not all of them.
 */
export function oneAtATime(files: SpoolFiles): SpoolFiles {
	let before: Promise<unknown> = Promise.resolve();
	const inTurn =
		<Arguments extends readonly unknown[], Result>(act: (...given: Arguments) => Promise<Result>) =>
		(...given: Arguments): Promise<Result> => {
			const result = before.then(() => act(...given));
			before = result.catch(() => {});
			return result;
		};
	const fileInTurn = (file: AppendFile): AppendFile => ({
		append: inTurn(file.append),
		close: inTurn(file.close),
	});
	return {
		names: inTurn(files.names),
		read: inTurn(files.read),
		create: inTurn(async (dir: string, path: string) => fileInTurn(await files.create(dir, path))),
		cut: inTurn(files.cut),
		replace: inTurn(files.replace),
		remove: inTurn(files.remove),
		changedAt: inTurn(files.changedAt),
		used: inTurn(files.used),
	};
}

function appender(file: Awaited<ReturnType<typeof open>>): AppendFile {
	return {
		async append(bytes) {
			await file.appendFile(bytes);
			await file.datasync();
		},
		close: () => file.close(),
	};
}

async function syncFolder(dir: string): Promise<void> {
	const folder = await open(dir, "r");
	try {
		await folder.sync();
	} finally {
		await folder.close();
	}
}

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordPlace } from "../trail.ts";
import { DemoError } from "./errors.ts";
import { startProgram } from "./program.ts";

const graceMilliseconds = 8_000;

/** The record of a demo: an object store and the process that keeps the trail in it. */
export type DemoRecord = RecordPlace & {
	/** What whoever records under this name is called with. */
	readonly argsOf: (writer: string) => readonly string[];
	readonly stop: () => Promise<void>;
};

/** Settings of {@link startRecord}. */
export type RecordOptions = {
	/** Made where it is missing; goes with the cluster. */
	readonly dir: string;
	readonly logs: string;
	/** Whoever is to write to it. */
	readonly writers: readonly string[];
	/** Told when it ended by itself. */
	readonly onDied: (how: string) => void;
};

/**
 * Starts both.
 * @throws DemoError `SetupFailed`
 */
export async function startRecord({ dir, logs, writers, onDied }: RecordOptions): Promise<DemoRecord> {
	mkdirSync(dir, { recursive: true, mode: 0o700 });
	const log = join(logs, "trail.log");
	const args = ["--dir", dir, ...writers.flatMap((name) => ["--writer", name])];
	const program = startProgram<RecordPlace>({ main: "trail.ts", args, log });
	const place = await program.ready;
	if (place === undefined) {
		throw new DemoError("SetupFailed", `the trail ended (${await program.ended}): ${log} says why`);
	}
	let isStopping = false;
	void program.ended.then((how) => {
		if (!isStopping) onDied(how);
	});
	return {
		...place,
		argsOf: (writer) => [
			...["--record-spool", join(dir, "spools", writer), "--record-key", join(place.keys, `${writer}.pem`)],
			...["--record-log", place.origin, "--record-to", place.url],
		],
		async stop() {
			isStopping = true;
			await program.end(graceMilliseconds);
		},
	};
}

/** What an auditor's program is told: where the trail is, and whom to trust. */
export function verifyArgs({ bucket, endpoint, origin, logKey, entryKeys }: RecordPlace): readonly string[] {
	return [
		...["--deep", "--bucket", bucket, "--endpoint", endpoint, "--origin", origin, "--log-key", logKey],
		...entryKeys.flatMap((path) => ["--entry-key", path]),
	];
}

/** The rights to read the store, as the auditor's program takes them. */
export function storeEnv({ credentials }: RecordPlace): Readonly<Record<string, string>> {
	const lines = readFileSync(credentials, "utf8").matchAll(/^export (\w+)=(.*)$/gm);
	return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
}

/** The command that verifies it, from the folder of this repository. */
export function verifyCommand(place: RecordPlace): string {
	return `(. ${place.credentials}; npm run -s audit -- verify ${verifyArgs(place).join(" ")})`;
}

import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { waitFor } from "../cluster/deadline.ts";
import { ClusterError } from "../cluster/errors.ts";
import { freePorts } from "../cluster/ports.ts";
import { endProcess, identify, type ProcessIdentity } from "../cluster/processes.ts";
import type { ToolchainOptions } from "../cluster/toolchain.ts";
import { ensureJudges } from "./judges.ts";

const startMilliseconds = 60_000;
const run = promisify(execFile);

/** A witness that runs on this machine. */
export type Litewitness = {
	readonly url: string;
	/** Its verifier key, as it says it itself. */
	readonly vkey: string;
	readonly stop: () => Promise<void>;
};

/**
 * Starts `litewitness` on a loopback port, for one log, with its key in an ssh-agent and its memory in `folder`, and waits until
 * it answers. `vkey` is the verifier key of the log.
 */
export async function startLitewitness(
	folder: string,
	log: { readonly origin: string; readonly vkey: string },
	options: ToolchainOptions = {},
): Promise<Litewitness> {
	const binaries = await ensureJudges(options);
	const [port = 0] = await freePorts(1);
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	const [key, socket, database] = [join(folder, "key"), join(folder, "agent"), join(folder, "witness.db")];
	const ends: ProcessIdentity[] = [];
	const stop = async () => {
		for (const one of ends.toReversed()) await endProcess(one, 5_000);
	};
	const start = (command: string, args: readonly string[], onWords: (text: string) => void) => {
		const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
		child.stderr.setEncoding("utf8").on("data", onWords);
		const identity = child.pid === undefined ? undefined : identify(child.pid);
		if (identity === undefined) throw new ClusterError("StartFailed", `${command} did not start`);
		ends.push(identity);
		return child;
	};
	try {
		await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "witness", "-f", key]);
		start("ssh-agent", ["-D", "-a", socket], () => {});
		await waitFor("the key is with its agent", () => added(socket, key), {
			timeoutMilliseconds: startMilliseconds,
		});
		remember(database, log);
		let words = "";
		const { stdout } = await run("ssh-keygen", ["-l", "-f", key]);
		const [, fingerprint = ""] = /(SHA256:\S+)/.exec(stdout) ?? [];
		const args = [
			...["-name", "witness.example", "-db", database, "-ssh-agent", socket, "-key", fingerprint],
			...["-listen", `127.0.0.1:${port}`],
		];
		const child = start(join(binaries, "litewitness"), args, (text) => {
			words += text;
		});
		const url = `http://127.0.0.1:${port}`;
		const assertPossible = () => {
			if (child.exitCode === null) return;
			throw new ClusterError("StartFailed", `litewitness ended: ${words.slice(-2_000)}`);
		};
		const answers = async () => (await fetch(url)).ok;
		await waitFor("the witness answers", answers, { timeoutMilliseconds: startMilliseconds, assertPossible });
		const [, vkey = ""] = /vkey=(\S+)/.exec(words) ?? [];
		return { url, vkey, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

async function added(socket: string, key: string): Promise<boolean> {
	try {
		await run("ssh-add", ["-q", key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
		return readFileSync(key).length > 0;
	} catch {
		// The agent does not listen yet: asked again until the deadline.
		return false;
	}
}

/** Which log it is to witness: its own program for this needs another version of Go. */
function remember(path: string, { origin, vkey }: { readonly origin: string; readonly vkey: string }): void {
	const database = new DatabaseSync(path);
	try {
		database.exec(`
			CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
			CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
		`);
		const empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
		database.prepare("INSERT INTO log VALUES (?, 0, ?)").run(origin, empty);
		database.prepare("INSERT INTO key VALUES (?, ?)").run(origin, vkey);
	} finally {
		database.close();
	}
}

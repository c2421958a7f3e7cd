import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { nodeFlags } from "../node-flags.ts";

const LEASH = new URL("leash.ts", import.meta.url).href;

/** Settings of {@link startProgram}. */
export type ProgramOptions = {
	/** Below `dev/`. */
	readonly main: string;
	readonly args: readonly string[];
	/** The file where it writes its errors; appended to. */
	readonly log: string;
};

/** A program of this repository as a process that ends with this one, whatever happens. */
export type Program<Ready> = {
	readonly pid: number | undefined;
	/** The line of JSON that it prints when it is ready; undefined when it ended before. */
	readonly ready: Promise<Ready | undefined>;
	/** How it ended. */
	readonly ended: Promise<string>;
	/** SIGTERM, and SIGKILL when it is still there so much later. Resolves when it is gone; safe to call twice. */
	readonly end: (graceMilliseconds: number) => Promise<void>;
};

/** Starts it in a session of its own, so that Ctrl-C at a terminal does not reach it first. */
export function startProgram<Ready>({ main, args, log }: ProgramOptions): Program<Ready> {
	const out = openSync(log, "a", 0o600);
	const file = fileURLToPath(new URL(`../${main}`, import.meta.url));
	const child = spawn(process.execPath, [...nodeFlags, "--import", LEASH, file, ...args], {
		detached: true,
		stdio: ["ignore", "pipe", out, "ipc"],
	});
	closeSync(out);
	const ended = new Promise<string>((resolve) => {
		child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
		child.once("error", (error) => resolve(error.message));
	});
	const { stdout } = child;
	const line =
		stdout === null ? Promise.resolve([undefined]) : once(createInterface({ input: stdout }), "line");
	return {
		pid: child.pid,
		ready: Promise.race([
			line.then(([text]) => (text === undefined ? undefined : (JSON.parse(text as string) as Ready))),
			ended.then(() => undefined),
		]),
		ended,
		async end(graceMilliseconds) {
			child.kill("SIGTERM");
			const impatience = setTimeout(() => child.kill("SIGKILL"), graceMilliseconds);
			await ended;
			clearTimeout(impatience);
		},
	};
}

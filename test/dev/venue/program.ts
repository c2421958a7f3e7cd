import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Scope } from "../../support/scope.ts";

/** A program of this repository as a process of its own. */
export type Program<Ready> = {
	/** The first line that it printed. */
	readonly ready: Ready;
	/** What it wrote to standard error so far, line by line. */
	readonly errors: readonly string[];
	/** Its exit code, or the signal that ended it, when it has ended. */
	readonly ended: Promise<number | string>;
	readonly closeInput: () => void;
	readonly terminate: () => void;
};

/** A program that somebody has to end. */
export type Started<Ready> = Program<Ready> & { readonly end: () => Promise<void> };

/** Starts it; resolves when it printed a line of JSON. Ends with the test. */
export async function startTestProgram<Ready>(
	t: Scope,
	path: string,
	args: readonly string[],
): Promise<Program<Ready>> {
	const program = await startProgram<Ready>(path, args);
	t.teardown(() => program.end());
	return program;
}

/** Starts it; resolves when it printed a line of JSON. `via`: a command that becomes it, with its arguments. */
export async function startProgram<Ready>(
	path: string,
	args: readonly string[],
	via: readonly string[] = [],
): Promise<Started<Ready>> {
	const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
	const [command = process.execPath, ...rest] = [...via, process.execPath, file, ...args];
	const child = spawn(command, rest, { stdio: ["pipe", "pipe", "pipe"] });
	const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
	const end = async () => {
		child.kill("SIGTERM");
		const impatience = setTimeout(() => child.kill("SIGKILL"), 5_000);
		await ended;
		clearTimeout(impatience);
	};
	const errors: string[] = [];
	createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
	// A program that is killed while it is written to is none of the test's errors.
	child.stdin.on("error", () => undefined);
	const lines = createInterface({ input: child.stdout });
	const first = once(lines, "line").then(([line]) => JSON.parse(line as string) as Ready);
	const failed = ended.then((how) => {
		throw new Error(`${path} ended with ${how}: ${errors.join("\n")}`);
	});
	failed.catch(() => undefined);
	const ready = await Promise.race([first, failed]);
	return {
		ready,
		errors,
		ended,
		closeInput: () => child.stdin.end(),
		terminate: () => child.kill("SIGTERM"),
		end,
	};
}

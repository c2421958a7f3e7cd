import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { temporaryFolder } from "../support/folder.ts";

/** Where the clients are. */
export const clients = fileURLToPath(new URL("../../clients", import.meta.url));

/** What a command wrote. Throws with it when the command fails. */
export async function run(
	command: string,
	args: readonly string[],
	{ cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
	const child = spawn(command, args, {
		cwd,
		env: { ...process.env, ...env },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	}
	const [code] = await once(child, "close");
	if (code !== 0)
		throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output.slice(-3_000)}`);
	return output;
}

/** An environment of Python with what the client needs and its tests; ends with the test. Returns the interpreter. */
export async function pythonEnvironment(t: ExecutionContext): Promise<string> {
	const venv = temporaryFolder(t, "client");
	const cwd = join(clients, "python");
	const python = join(venv, "bin/python");
	await run("python3", ["-m", "venv", venv], { cwd });
	await run(python, ["-m", "pip", "install", "--quiet", "--requirement", "requirements-test.txt"], { cwd });
	return python;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { temporaryFolder } from "../support/folder.ts";

const clients = fileURLToPath(new URL("../../clients", import.meta.url));

/** What a command wrote. Throws with it when the command fails. */
async function run(
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

test("the gate in Python tells every story of the vectors", async (t) => {
	t.timeout(600_000);
	// Given an environment of its own with what it needs
	const venv = temporaryFolder(t, "client");
	const cwd = join(clients, "python");
	const python = join(venv, "bin/python");
	await run("python3", ["-m", "venv", venv], { cwd });
	await run(python, ["-m", "pip", "install", "--quiet", "--requirement", "requirements-test.txt"], { cwd });
	// When its tests run, then they pass
	const output = await run(python, ["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."], { cwd });
	t.regex(output, /Ran 2 tests/);
});

test("the gate in Rust tells every story of the vectors", async (t) => {
	t.timeout(600_000);
	// Given its locked dependencies, built apart from the source
	const env = { CARGO_TARGET_DIR: temporaryFolder(t, "client") };
	// When its tests run, then they pass
	const output = await run("cargo", ["test", "--locked"], { cwd: join(clients, "rust"), env });
	t.regex(output, /test stories \.\.\. ok/);
});

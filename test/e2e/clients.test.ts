import { join } from "node:path";
import test from "ava";
import { temporaryFolder } from "../support/folder.ts";
import { clients, pythonEnvironment, run } from "./commands.ts";

test("the gate in Python tells every story of the vectors", async (t) => {
	t.timeout(600_000);
	// Given an environment of its own with what it needs
	const python = await pythonEnvironment(t);
	// When its tests run, then they pass
	const args = ["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."];
	const output = await run(python, args, { cwd: join(clients, "python") });
	t.regex(output, /Ran 4 tests/);
});

test("the gate in Rust tells every story of the vectors", async (t) => {
	t.timeout(600_000);
	// Given its locked dependencies, built apart from the source
	const env = { CARGO_TARGET_DIR: temporaryFolder(t, "client") };
	// When its tests run, then they pass
	const output = await run("cargo", ["test", "--locked"], { cwd: join(clients, "rust"), env });
	for (const name of ["stories", "positions"]) t.regex(output, new RegExp(`test ${name} \\.\\.\\. ok`));
});

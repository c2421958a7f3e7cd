import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Progress } from "../../dev/cluster/progress.ts";
import { BenchError } from "./error.ts";
import { beginRow, type Row } from "./row.ts";

const run = promisify(execFile);
const clients = fileURLToPath(new URL("../../clients/", import.meta.url));

/** What `order-path.ts` and `order_path.rs` print of each thing: nanoseconds of one check, the mean of millions. */
type Times = { readonly gate: readonly number[]; readonly load: readonly number[] };

/** What does asking the gate cost on the order path, beside one atomic load in the same loop? No cluster is needed. */
export async function gateRows(progress: Progress, runs: number, emit: (row: Row) => void): Promise<void> {
	progress.report("gate", "in TypeScript");
	const inTypeScript = beginRow();
	const script = join(clients, "typescript/order-path.ts");
	const typescript = await measure(process.execPath, [script], runs);
	const each = (times: Times) => `${times.gate.length} means of 20,000,000 checks in ${runs} processes`;
	emit(
		inTypeScript(
			"gate-typescript",
			"the gate's check on the order path, TypeScript",
			{ kind: "AtMost", value: 100 },
			{ samples: typescript.gate, how: each(typescript) },
			{ samples: typescript.load, how: "Atomics.load of an Int32Array in the same loop" },
			"ns",
		),
	);
	progress.report("gate", "in Rust");
	const inRust = beginRow();
	const what = "the gate's check on the order path, Rust";
	const target = mkdtempSync(join(tmpdir(), "tradingsafety-bench-"));
	try {
		const isBuilt = await build(target);
		if (!isBuilt) {
			const samples = [Number.NaN];
			emit(
				inRust(
					"gate-rust",
					what,
					{ kind: "None" },
					{ samples, how: "NOT MEASURED: there is no cargo here" },
					undefined,
					"ns",
				),
			);
			return;
		}
		const rust = await measure(join(target, "release/examples/order_path"), [], runs);
		emit(
			inRust(
				"gate-rust",
				what,
				{ kind: "AtMost", value: 20 },
				{ samples: rust.gate, how: each(rust) },
				{ samples: rust.load, how: "AtomicU64::load in the same loop" },
				"ns",
			),
		);
	} finally {
		rmSync(target, { recursive: true });
	}
}

/** False where there is no cargo. */
async function build(target: string): Promise<boolean> {
	try {
		await run("cargo", ["build", "--release", "--locked", "--quiet", "--example", "order_path"], {
			cwd: join(clients, "rust"),
			env: { ...process.env, CARGO_TARGET_DIR: target },
		});
		return true;
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw new BenchError("CHILD_FAILED", `the gate in Rust was not built: ${String(cause)}`, { cause });
	}
}

async function measure(command: string, args: readonly string[], runs: number): Promise<Times> {
	const gate: number[] = [];
	const load: number[] = [];
	for (let count = 0; count < runs; count += 1) {
		const { stdout } = await run(command, [...args]);
		gate.push(...timesIn(stdout, "gate, open"));
		load.push(...timesIn(stdout, "atomic load"));
	}
	if (gate.length < runs || load.length < runs) {
		throw new BenchError("NOT_AS_EXPECTED", `${command} printed no times`);
	}
	return { gate, load };
}

function timesIn(text: string, name: string): readonly number[] {
	return text
		.split("\n")
		.filter((line) => line.startsWith(name))
		.map((line) => Number(/([\d.]+) ns/.exec(line)?.[1]));
}

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findProof } from "../../audit/cli/prove.ts";
import { FolderStore } from "../../audit/store/folder.ts";
import type { Reading } from "../../audit/store/store.ts";
import type { Progress } from "../../dev/cluster/progress.ts";
import { makeTrail } from "./audit-trail.ts";
import { BenchError } from "./error.ts";
import { beginRow, type Row } from "./row.ts";

const run = promisify(execFile);
const host = fileURLToPath(new URL("audit-verify-host.ts", import.meta.url));

/** How large a trail, and how often. */
export type VerifySize = { readonly entries: number; readonly runs: number; readonly proofs: number };

/** `verify` of a trail on the disk beside bare loops over the same files, and what proving one entry reads. */
export async function auditVerifyRows(
	progress: Progress,
	{ entries, runs, proofs }: VerifySize,
	emit: (row: Row) => void,
): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-bench-"));
	try {
		const { trust, bytes } = await makeTrail(folder, entries, 256, (done) =>
			progress.report("audit-verify", `makes a trail, ${done} of ${entries} entries`),
		);
		writeFileSync(join(folder, "log.pem"), trust.logKeys[0]?.export({ type: "spki", format: "pem" }) ?? "");
		const [{ key = "" } = {}] = Object.values(trust.keys);
		writeFileSync(
			join(folder, "entry.pem"),
			`-----BEGIN PUBLIC KEY-----\n${key}\n-----END PUBLIC KEY-----\n`,
		);
		const size = `${entries.toLocaleString("en")} entries (${Math.round(bytes / 1e6)} MB)`;
		for (const level of ["hashes", "signatures"] as const)
			await compare(folder, level, size, { progress, runs, emit });
		await proofRow(folder, { entries, proofs }, emit);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

async function compare(
	folder: string,
	level: "hashes" | "signatures",
	size: string,
	{
		progress,
		runs,
		emit,
	}: { readonly progress: Progress; readonly runs: number; readonly emit: (row: Row) => void },
): Promise<void> {
	const [time, memory, needed] = [beginRow(), beginRow(), beginRow()];
	const [own, bare, pieces, megabytes]: [number[], number[], number[], number[]] = [[], [], [], []];
	for (let count = 0; count < runs; count += 1) {
		progress.report("audit-verify", `${level}, ${count + 1} of ${runs}`);
		bare.push((await measure(folder, "bare", level)).milliseconds);
		const measured = await measure(folder, "verify", level);
		own.push(measured.milliseconds);
		megabytes.push(measured.megabytes);
		if (level === "hashes") pieces.push((await measure(folder, "pieces", level)).milliseconds);
	}
	const threads = `${availableParallelism()} threads`;
	const loop = level === "hashes" ? "SHA-256 of each object" : "P-256 verification of each entry";
	emit(
		time(
			`audit-verify-${level}`,
			`verify ${level} of ${size} from the disk`,
			{ kind: "TimesBaseline", times: 1.5 },
			{ samples: own, how: `${threads}, in turn with the baseline` },
			{ samples: bare, how: `a bare loop that reads the same files, ${loop}, ${threads}` },
		),
	);
	if (level === "hashes") {
		const each = `a bare loop, SHA-256 of each entry, leaf, node and file of bundles, ${threads}`;
		emit(
			needed(
				"audit-verify-pieces",
				"the same beside the hashes that it needs",
				{ kind: "None" },
				{ samples: own, how: "" },
				{ samples: pieces, how: each },
			),
		);
	}
	const what = "the same: most resident memory";
	emit(
		memory(
			`audit-verify-${level}-memory`,
			what,
			{ kind: "AtMost", value: 300 },
			{ samples: megabytes, how: "" },
			undefined,
			"MB",
		),
	);
}

type Measured = { readonly milliseconds: number; readonly megabytes: number };

async function measure(folder: string, who: "verify" | "bare" | "pieces", level: string): Promise<Measured> {
	try {
		const { stdout } = await run(process.execPath, [host, folder, who, level]);
		return JSON.parse(stdout) as Measured;
	} catch (cause) {
		throw new BenchError("CHILD_FAILED", `${who} ${level} failed: ${String(cause)}`, { cause });
	}
}

async function proofRow(
	folder: string,
	{ entries, proofs }: { readonly entries: number; readonly proofs: number },
	emit: (row: Row) => void,
): Promise<void> {
	const row = beginRow();
	const store = new FolderStore(folder);
	const [gets, lists]: [number[], number[]] = [[], []];
	for (let count = 0; count < proofs; count += 1) {
		const calls = { get: 0, list: 0 };
		const counting: Reading = {
			get: (key) => {
				calls.get += 1;
				return store.get(key);
			},
			list: (...args) => {
				calls.list += 1;
				return store.list(...args);
			},
		};
		await findProof(counting, Math.floor((entries * count) / proofs));
		gets.push(calls.get);
		lists.push(calls.list);
	}
	const how = `objects read; beside them ${Math.max(...lists)} listings of a page each`;
	const what = `proof of one entry of ${entries.toLocaleString("en")}`;
	emit(row("audit-proof", what, { kind: "AtMost", value: 5 }, { samples: gets, how }, undefined, "GETs"));
}

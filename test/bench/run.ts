/**
 * `npm run bench [-- --quick] [--only NAME] [--json] [--out FILE]`: measures how fast a halt is, from outside
 * the operator, each figure beside a baseline of the same run. Exits 1 when a row failed.
 */

import { appendFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { ClusterError } from "../../dev/cluster/errors.ts";
import { displayProgress, type Progress } from "../../dev/cluster/progress.ts";
import { auditAppendRows } from "./audit-append.ts";
import { auditDrainRow } from "./audit-drain.ts";
import { auditVerifyRows } from "./audit-verify.ts";
import { emergencyRows } from "./emergency.ts";
import { BenchError } from "./error.ts";
import { fenceElsewhereRow, fenceRow } from "./fence.ts";
import { floodRow } from "./flood.ts";
import { type Floor, type FloorOptions, openFloor } from "./floor.ts";
import { gateRows } from "./gate.ts";
import { idleRows } from "./idle.ts";
import { expiryRows, ordersRow } from "./orders.ts";
import { acknowledgedRow, permitRows } from "./permits.ts";
import { pressDeletingRows, pressRows } from "./press.ts";
import { pressOrderRows } from "./press-orders.ts";
import { pressRecordRows } from "./press-record.ts";
import { recordedRow } from "./recorded.ts";
import { restoreRows } from "./restore.ts";
import { describeRow, type Row } from "./row.ts";
import { toldRow } from "./told.ts";

const usage = `usage: npm run bench -- [--quick] [--only NAME] [--json] [--out FILE]
  --quick      few rounds, for trying it out: its figures mean little
  --only NAME  fence, told-10, recorded-10, emergency-1000, emergency-10000, restore-1000, idle-5000, flood-1000,
               acknowledged-50, permits-500, orders-10, orders-expiry, press, press-deleting, press-orders,
               press-record, fence-elsewhere, gate, audit-append, audit-drain or audit-verify (makes 1,000,000 entries, 4 GB, in the
               temporary folder); may be repeated
  --json       JSON lines on standard output, the table on standard error
  --out FILE   appends the JSON lines to a file
With BENCH_PROFILE_DIR set, each operator replica writes a CPU profile into that folder.`;

/** Hands over each row as soon as it is measured. */
type Bench = (floor: Floor, quick: boolean, emit: (row: Row) => void) => Promise<void>;

const benches: Readonly<Record<string, Bench>> = {
	fence: async (floor, quick, emit) => emit(await fenceRow(floor, quick ? 30 : 300)),
	"told-10": async (floor, quick, emit) => emit(await toldRow(floor, quick ? 20 : 300)),
	"recorded-10": async (floor, quick, emit) => emit(await recordedRow(floor, quick ? 20 : 300)),
	"emergency-1000": (floor, quick, emit) => {
		const common = { name: "emergency-1000", replicas: [1, 2] };
		const size = quick
			? { ...common, rounds: 1, kubectlRounds: 1, pods: 200, deployments: 10 }
			: { ...common, rounds: 6, kubectlRounds: 2, pods: 1000, deployments: 50 };
		return emergencyRows(floor, size, emit);
	},
	"emergency-10000": (floor, quick, emit) => {
		const common = { name: "emergency-10000", replicas: [2], kubectlRounds: 0 };
		const size = quick
			? { ...common, rounds: 1, pods: 400, deployments: 20 }
			: { ...common, rounds: 2, pods: 10_000, deployments: 500 };
		return emergencyRows(floor, size, emit);
	},
	"restore-1000": (floor, quick, emit) =>
		restoreRows(
			floor,
			quick ? { rounds: 1, pods: 200, deployments: 10 } : { rounds: 5, pods: 1000, deployments: 50 },
			emit,
		),
	"idle-5000": (floor, quick, emit) =>
		idleRows(
			floor,
			quick ? { seconds: 20, pods: 500, deployments: 25 } : { seconds: 120, pods: 5_000, deployments: 250 },
			emit,
		),
	"flood-1000": async (floor, quick, emit) =>
		emit(
			await floodRow(
				floor,
				quick ? { rounds: 2, pods: 200, deployments: 10 } : { rounds: 6, pods: 1000, deployments: 50 },
			),
		),
	"acknowledged-50": async (floor, quick, emit) => emit(await acknowledgedRow(floor, quick ? 10 : 300)),
	"permits-500": (floor, quick, emit) => permitRows(floor, quick ? 20 : 60, emit),
	"orders-10": async (floor, quick, emit) => emit(await ordersRow(floor, quick ? 10 : 300)),
	"orders-expiry": (floor, quick, emit) => expiryRows(floor, quick ? 3 : 60, emit),
	press: (floor, quick, emit) => pressRows(floor, quick ? 50 : 1_000, emit),
	"press-deleting": (floor, quick, emit) =>
		pressDeletingRows(
			floor,
			quick ? { count: 20, pods: 200, deployments: 10 } : { count: 300, pods: 1_000, deployments: 50 },
			emit,
		),
	"press-orders": (floor, quick, emit) =>
		pressOrderRows(floor, quick ? { all: 10, dead: 3 } : { all: 300, dead: 60 }, emit),
	"press-record": (floor, quick, emit) => pressRecordRows(floor, quick ? 20 : 600, emit),
	"fence-elsewhere": async (floor, quick, emit) => emit(await fenceElsewhereRow(floor, quick ? 30 : 300)),
};

/** Rows that need another cluster than the others have one of their own. */
const floors: Readonly<Record<string, FloorOptions>> = {
	// As many places as two cores can serve: flow control divides places, not processors.
	"flood-1000": { apiServerFlags: ["--max-requests-inflight=20", "--max-mutating-requests-inflight=20"] },
	"emergency-10000": {},
	"idle-5000": {},
	"fence-elsewhere": { apiServers: 2 },
};
const plainFloor: FloorOptions = {};

/** Rows that need no cluster: they come before one is started. */
const floorless: Readonly<
	Record<string, (progress: Progress, quick: boolean, emit: (row: Row) => void) => Promise<void>>
> = {
	gate: (progress, quick, emit) => gateRows(progress, quick ? 1 : 5, emit),
	"audit-append": (progress, quick, emit) => auditAppendRows(progress, quick ? 100 : 1_000, emit),
	"audit-drain": (progress, quick, emit) => auditDrainRow(progress, quick ? 1_000 : 10_000, emit),
	"audit-verify": (progress, quick, emit) =>
		auditVerifyRows(
			progress,
			quick ? { entries: 20_000, runs: 1, proofs: 100 } : { entries: 1_000_000, runs: 3, proofs: 300 },
			emit,
		),
};

const { values } = parseArgs({
	options: {
		quick: { type: "boolean", default: false },
		only: { type: "string", multiple: true, default: [] },
		json: { type: "boolean", default: false },
		out: { type: "string" },
		help: { type: "boolean", default: false },
	},
});
const chosen = [...Object.keys(floorless), ...Object.keys(benches)].filter(
	(name) => values.only.length === 0 || values.only.includes(name),
);

if (values.help || chosen.length === 0) {
	console.error(usage);
	process.exitCode = values.help ? 0 : 2;
} else {
	try {
		process.exitCode = await run();
	} catch (error) {
		if (!(error instanceof BenchError) && !(error instanceof ClusterError)) throw error;
		console.error(error.message);
		process.exitCode = 1;
	}
}

async function run(): Promise<number> {
	const interruption = new AbortController();
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.once(signal, () => interruption.abort(new BenchError("INTERRUPTED", `ended by ${signal}`)));
	}
	const progress = displayProgress(process.stderr);
	const tell = values.json ? console.error : console.log;
	tell(
		`${cpus().length} cores, load average ${loadavg()[0]?.toFixed(1)}, etcd with fsync. The controller manager ` +
			"has its default rates whenever something is measured; it is restarted without limits to make pods anew.",
	);
	const startedAt = performance.now();
	const interrupted = aborted(interruption.signal);
	const rows: Row[] = [];
	let open: { readonly options: FloorOptions; readonly floor: Floor } | undefined;
	const close = async () => {
		if (open === undefined) return;
		const { floor } = open;
		open = undefined;
		await floor.stop();
		if (floor.watch.cuts > 0) tell(`the API server closed the watch of the bench ${floor.watch.cuts} times`);
	};
	try {
		const emit = (row: Row) => {
			progress.finish();
			rows.push(row);
			tell(describeRow(row));
			if (values.json) console.log(JSON.stringify(row));
			if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify(row)}\n`);
		};
		for (const name of chosen) {
			const alone = floorless[name]?.(progress, values.quick, emit);
			if (alone !== undefined) {
				await Promise.race([alone, interrupted]);
				continue;
			}
			const options = floors[name] ?? plainFloor;
			if (open?.options !== options) {
				await close();
				open = { options, floor: await openFloor(options, progress, interruption.signal) };
			}
			await Promise.race([benches[name]?.(open.floor, values.quick, emit), interrupted]);
		}
	} finally {
		await close();
	}
	const count = (verdict: Row["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
	const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
	tell(
		`${count("passed")} passed, ${count("failed")} failed, ${count("too busy")} too busy to judge (${seconds} s)`,
	);
	return count("failed") > 0 ? 1 : 0;
}

/** Rejects when the signal is aborted. To be waited for in a race. */
function aborted(signal: AbortSignal): Promise<never> {
	return new Promise((_, reject) => {
		const fail = () => reject(signal.reason);
		if (signal.aborted) fail();
		else signal.addEventListener("abort", fail);
	});
}

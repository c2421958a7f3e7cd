import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TradingSafety } from "../../crds/types.ts";
import { type Started, startProgram } from "../dev/venue/program.ts";
import { ensurePermitKeys } from "../support/permit-keys.ts";
import { until } from "../support/until.ts";
import { type BenchDesk, createDesk, filled, settled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { cpuSeconds, residentMegabytes } from "./idle.ts";
import { beginRow, type Row } from "./row.ts";
import { wallNow } from "./trading.ts";

type Host = { readonly control: number; readonly ports: readonly number[] };
type Told = {
	readonly desk: BenchDesk;
	readonly host: Host;
	readonly gates: string;
	readonly stop: () => Promise<void>;
};

/** How soon have fifty bots acknowledged a raise? */
export async function acknowledgedRow(floor: Floor, rounds: number): Promise<Row> {
	const bots = 50;
	const make = beginRow();
	const told = await openTold(floor, bots);
	const operators = await floor.startReplicas(2, [told.desk.namespace], told.gates);
	const samples: number[] = [];
	const baseline: number[] = [];
	try {
		while (samples.length < rounds) {
			floor.progress.report("acknowledged-50", `round ${samples.length + 1} of ${rounds}`);
			await isTold(floor, told.desk);
			const { metadata } = await floor.raiser.patch<TradingSafety>(
				told.desk.path,
				{ spec: { mode: "Pause" } },
				{ type: "merge" },
				{ priority: "emergency" },
			);
			const acknowledgedAt = wallNow();
			samples.push((await allAnswered(told.host, metadata.generation ?? 0, bots)) - acknowledgedAt);
			baseline.push(await postAll(told.host));
			const spec = { mode: "Normal", reason: `bench ${performance.now()}` };
			await floor.admin.patch(told.desk.path, { spec }, { type: "merge" });
		}
	} finally {
		await operators.stop();
		await told.stop();
	}
	return make(
		"acknowledged-50",
		`Pause acknowledged -> ${bots} bots in one process have acknowledged it`,
		{ kind: "P99Below", milliseconds: 100 },
		{ samples, how: "2 replicas; limit beside it: 3 times the baseline" },
		{ samples: baseline, how: `bare parallel POST to the ${bots}` },
	);
}

/** What do permits for five hundred bots cost one replica? */
export async function permitRows(floor: Floor, seconds: number, emit: (row: Row) => void): Promise<void> {
	const bots = 500;
	const make = beginRow();
	const told = await openTold(floor, bots);
	const operators = await floor.startReplicas(1, [told.desk.namespace], told.gates);
	const busy: number[] = [];
	const resident: number[] = [];
	try {
		const [pid] = operators.pids;
		if (pid === undefined) throw new BenchError("CHILD_FAILED", "there is no replica");
		await isTold(floor, told.desk);
		await settled(floor, told.desk);
		await sleep(10_000);
		for (let second = 0; second < seconds; second += 10) {
			floor.progress.report("permits-500", `${second} of ${seconds} s`);
			const before = cpuSeconds(pid);
			const startedAt = performance.now();
			await sleep(10_000);
			busy.push((100 * (cpuSeconds(pid) - before)) / ((performance.now() - startedAt) / 1_000));
			resident.push(residentMegabytes(pid));
		}
	} finally {
		await operators.stop();
		await told.stop();
	}
	const what = `${bots} bots told by one replica, TTL 5 s`;
	const atMost = (value: number) => ({ kind: "AtMost", value }) as const;
	const cpu = { samples: [busy.reduce((a, b) => a + b, 0) / busy.length], how: `mean of ${seconds} s` };
	emit(make("permits-500", `${what}: processor time`, atMost(10), cpu, undefined, "% of a core"));
	const memory = { samples: resident, how: "each 10 s" };
	emit(make("permits-500", `${what}: resident memory`, atMost(200), memory, undefined, "MB"));
}

async function openTold(floor: Floor, bots: number): Promise<Told> {
	const target = { name: "bots", preset: "Bot", signal: { http: { port: 8090 }, ttlSeconds: 5 } };
	const desk = await createDesk(floor, "told", Math.ceil(bots / 50), bots, target);
	await floor.setControllerManager("High");
	await filled(floor, desk);
	await floor.setControllerManager("Default");
	const keys = await ensurePermitKeys(floor.admin);
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-bench-"));
	const program: Started<Host> = await startProgram<Host>("test/bench/gate-host.ts", [
		String(bots),
		JSON.stringify(keys),
	]);
	const { items } = await floor.admin.list<{ readonly metadata: { readonly name: string } }>(
		`/api/v1/namespaces/${desk.namespace}/pods`,
	);
	const gates = join(folder, "gates.json");
	const book = items.map(({ metadata }, index) => [metadata.name, program.ready.ports[index]]);
	writeFileSync(gates, JSON.stringify(Object.fromEntries(book)));
	const stop = async () => {
		await program.end();
		rmSync(folder, { recursive: true });
	};
	return { desk, host: program.ready, gates, stop };
}

async function isTold(floor: Floor, desk: BenchDesk): Promise<void> {
	await until(
		"the desk trades and is told by permits",
		async () => {
			const { metadata, status } = await floor.admin.get<TradingSafety>(desk.path);
			const [row] = status?.targets ?? [];
			const confirmed = status?.conditions?.find(({ type }) => type === "SignalAvailable");
			const isCurrent = confirmed?.observedGeneration === metadata.generation && confirmed?.status === "True";
			if (isCurrent && row?.signalled === "Admit" && row.fencedAs === undefined) return true;
			throw new BenchError("NOT_AS_EXPECTED", JSON.stringify([row, confirmed]));
		},
		{ timeoutMilliseconds: 300_000, intervalMilliseconds: 100 },
	);
}

/** When the last of the gates answered from that generation: milliseconds since 1970. */
function allAnswered({ control }: Host, generation: number, bots: number): Promise<number> {
	return until(`${bots} gates have answered`, async () => {
		const answer = await fetch(`http://127.0.0.1:${control}/?generation=${generation}`);
		const { gates, lastAt } = (await answer.json()) as { readonly gates: number; readonly lastAt: number };
		return gates === bots ? lastAt : undefined;
	});
}

/** What a bare client takes: a body that is refused by its signature, which costs a gate as much. */
async function postAll({ ports }: Host): Promise<number> {
	const headers = {
		"webhook-id": "msg_bench",
		"webhook-timestamp": String(Math.floor(Date.now() / 1000)),
		"webhook-signature": `v1a,${Buffer.alloc(64).toString("base64")}`,
	};
	const body = JSON.stringify({ filler: "x".repeat(400) });
	const begunAt = performance.now();
	await Promise.all(
		ports.map(async (port) =>
			(await fetch(`http://127.0.0.1:${port}/permit`, { method: "POST", headers, body })).text(),
		),
	);
	return performance.now() - begunAt;
}

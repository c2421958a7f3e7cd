import { setTimeout as sleep } from "node:timers/promises";
import type { Mode } from "../../crds/vocabulary.ts";
import type { Floor } from "./floor.ts";
import { beginRow, type Row } from "./row.ts";
import { openTrading, type Trading, wallNow } from "./trading.ts";

const bots = 10;
const ordersPerSecond = 100;
const what = `${bots} bots at ${ordersPerSecond} orders a second each`;

/** How soon after a raise does the venue accept the last order that takes risk? */
export async function ordersRow(floor: Floor, rounds: number): Promise<Row> {
	const make = beginRow();
	const trading = await openTrading(floor, { bots, ordersPerSecond, ttlSeconds: 5 });
	const operators = await trading.startReplicas(2);
	const samples: number[] = [];
	const baseline: number[] = [];
	try {
		while (samples.length < rounds) {
			floor.progress.report("orders-10", `round ${samples.length + 1} of ${rounds}`);
			await trading.flowing();
			baseline.push(await askAll(trading));
			await patch(floor, trading, "Pause");
			const acknowledgedAt = wallNow();
			samples.push(await lastAfter(trading, acknowledgedAt, 300));
			await lower(floor, trading);
		}
	} finally {
		await operators.stop();
		await trading.stop();
	}
	return make(
		"orders-10",
		`${what}: Pause acknowledged -> last order that takes risk accepted at the venue`,
		{ kind: "P99Below", milliseconds: 50 },
		{ samples, how: "2 replicas; 0 where none came after" },
		{ samples: baseline, how: `${bots} parallel GETs to the bots while they trade` },
	);
}

/** The same from the death of every replica, or from the freezing of the API server: permits run out. */
export async function expiryRows(floor: Floor, rounds: number, emit: (row: Row) => void): Promise<void> {
	const ttlSeconds = 1;
	const trading = await openTrading(floor, { bots, ordersPerSecond, ttlSeconds });
	const limit = { kind: "AtMost", value: 1000 * ttlSeconds + 100 } as const;
	try {
		const dead = beginRow();
		const samples: number[] = [];
		while (samples.length < rounds) {
			floor.progress.report("orders-no-operator", `round ${samples.length + 1} of ${rounds}`);
			const operators = await trading.startReplicas(2);
			await trading.flowing();
			for (const pid of operators.pids) process.kill(pid, "SIGKILL");
			const killedAt = wallNow();
			await patch(floor, trading, "Pause");
			samples.push(await lastAfter(trading, killedAt, 2_000));
			await operators.stop();
			await lower(floor, trading);
		}
		const how = `2 replicas, TTL ${ttlSeconds} s`;
		emit(
			dead("orders-no-operator", `${what}: every replica killed, Pause patched -> last such order`, limit, {
				samples,
				how,
			}),
		);
		const frozen = beginRow();
		const others: number[] = [];
		const operators = await trading.startReplicas(2);
		while (others.length < rounds) {
			floor.progress.report("orders-no-api-server", `round ${others.length + 1} of ${rounds}`);
			await trading.flowing();
			const pid = floor.cluster.pids()["kube-apiserver"] ?? 0;
			process.kill(pid, "SIGSTOP");
			const stoppedAt = wallNow();
			try {
				for (const each of operators.pids) process.kill(each, "SIGSTOP");
				others.push(await lastAfter(trading, stoppedAt, 2_000));
			} finally {
				for (const each of operators.pids) process.kill(each, "SIGCONT");
				process.kill(pid, "SIGCONT");
			}
		}
		await operators.stop();
		emit(
			frozen("orders-no-api-server", `${what}: API server and replicas frozen -> last such order`, limit, {
				samples: others,
				how,
			}),
		);
	} finally {
		await trading.stop();
	}
}

/** Milliseconds from a time to the last order after it, once none can come any more; 0 where there was none. */
async function lastAfter(trading: Trading, since: number, wait: number): Promise<number> {
	await sleep(wait);
	return Math.max(0, (await trading.lastOpened()) - since);
}

/** Milliseconds of one parallel GET to each bot. */
export async function askAll({ ports }: Trading): Promise<number> {
	const begunAt = performance.now();
	await Promise.all(ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/health`)).text()));
	return performance.now() - begunAt;
}

function patch({ raiser }: Floor, { desk }: Trading, mode: Mode): Promise<unknown> {
	return raiser.patch(desk.path, { spec: { mode } }, { type: "merge" }, { priority: "emergency" });
}

async function lower({ admin }: Floor, { desk }: Trading): Promise<void> {
	const spec = { mode: "Normal", reason: `bench ${performance.now()}` };
	await admin.patch(desk.path, { spec }, { type: "merge" });
}

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createDesk, filled, settled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { beginRow, type Row } from "./row.ts";

/** How much of it. */
export type IdleSize = { readonly seconds: number; readonly pods: number; readonly deployments: number };

const name = "idle-5000";
/** `USER_HZ`: the unit of times in /proc, proc(5). It is 100 wherever Node.js runs on Linux. */
const ticksPerSecond = 100;
/** What starting cost is over by then. */
const calmSeconds = 20;

/** What does one replica cost while nothing happens? Read from /proc. */
export async function idleRows(floor: Floor, size: IdleSize, emit: (row: Row) => void): Promise<void> {
	const make = beginRow();
	floor.progress.report(name, "creating a desk");
	const desk = await createDesk(floor, "idle", size.deployments, size.pods);
	await floor.setControllerManager("High");
	await filled(floor, desk);
	await floor.setControllerManager("Default");
	const operators = await floor.startReplicas(1, [desk.namespace]);
	const resident: number[] = [];
	const busy: number[] = [];
	try {
		const [pid] = operators.pids;
		if (pid === undefined) throw new BenchError("CHILD_FAILED", "there is no replica");
		await settled(floor, desk);
		floor.progress.report(name, "letting it calm down");
		await sleep(calmSeconds * 1_000);
		for (let second = 0; second < size.seconds; second += 10) {
			floor.progress.report(name, `${second} of ${size.seconds} s`);
			const before = cpuSeconds(pid);
			const startedAt = performance.now();
			await sleep(10_000);
			busy.push((100 * (cpuSeconds(pid) - before)) / ((performance.now() - startedAt) / 1_000));
			resident.push(residentMegabytes(pid));
		}
	} finally {
		await operators.stop();
	}
	const what = `${size.pods} pods in ${size.deployments} Deployments watched by one replica, nothing happens`;
	const atMost = (value: number) => ({ kind: "AtMost", value }) as const;
	const each = "each 10 s";
	emit(
		make(name, `${what}: resident memory`, atMost(200), { samples: resident, how: each }, undefined, "MB"),
	);
	const cpu = { samples: [busy.reduce((a, b) => a + b, 0) / busy.length], how: `mean of ${size.seconds} s` };
	emit(make(name, `${what}: processor time`, atMost(2), cpu, undefined, "% of a core"));
}

/** User and system time of a process so far: fields 14 and 15 of /proc/PID/stat, counted after the name. */
export function cpuSeconds(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process: VmRSS of /proc/PID/status. */
export function residentMegabytes(pid: number): number {
	const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
	return Number(line?.[1]) / 1_000;
}

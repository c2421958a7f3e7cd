import { setTimeout as sleep } from "node:timers/promises";
import { type BenchDesk, createDesk, emptied, filled, lower, settled } from "./bench-desk.ts";
import type { Floor } from "./floor.ts";
import { measureBare, measureOperator } from "./measure.ts";
import { beginRow, type Row } from "./row.ts";

const limit = { kind: "P99Below", milliseconds: 50 } as const;
const replicas = 2;
const pods = 10;
const deployments = 3;
/** Desks that are halted one after the other, before all are filled again together. */
const desksPerBatch = 20;
/**
 * Between two rounds. What one leaves behind (pods that end, records, status) goes on for seconds and makes the
 * next slower, in both kinds alike: with 200 ms the tail was that of ten halts at once.
 */
const pauseMilliseconds = 1_000;

/** How soon are ten pods told to stop? */
export async function toldRow(floor: Floor, rounds: number): Promise<Row> {
	const make = beginRow();
	const { progress } = floor;
	progress.report("told-10", "creating desks");
	const batch = Math.min(desksPerBatch, rounds);
	const governed = await createDesks(floor, "told", batch);
	const bare = await createDesks(floor, "told-bare", batch);
	await floor.setControllerManager("High");
	for (const desk of [...governed, ...bare]) await filled(floor, desk);
	const operators = await floor.startReplicas(
		replicas,
		governed.map((desk) => desk.namespace),
	);
	const samples: number[] = [];
	const baseline: number[] = [];
	try {
		while (samples.length < rounds) {
			await floor.setControllerManager("Default");
			const now = Math.min(batch, rounds - samples.length);
			for (const [index, desk] of governed.slice(0, now).entries()) {
				progress.report("told-10", `round ${samples.length + 1} of ${rounds}`);
				const other = bare[index];
				if (other === undefined) throw new RangeError("as many bare desks as governed ones");
				const measures = [
					async () => samples.push(await measureOperator(floor, desk)),
					async () => baseline.push(await measureBare(floor, other, pods)),
				];
				// In turn, so that neither always follows the other.
				for (const measure of index % 2 === 0 ? measures : measures.toReversed()) {
					await measure();
					await sleep(pauseMilliseconds);
				}
			}
			if (samples.length < rounds) await refill(floor, governed.slice(0, now), bare.slice(0, now));
		}
	} finally {
		await operators.stop();
	}
	await floor.setControllerManager("Default");
	return make(
		"told-10",
		`${pods} pods in ${deployments} Deployments, Emergency: acknowledged -> all told to stop`,
		limit,
		{ samples, how: `${replicas} replicas` },
		{ samples: baseline, how: `bare parallel delete, ${pods} in flight` },
	);
}

async function createDesks(floor: Floor, prefix: string, count: number): Promise<readonly BenchDesk[]> {
	const desks: BenchDesk[] = [];
	for (let index = 0; index < count; index += 1) {
		desks.push(await createDesk(floor, prefix, deployments, pods));
	}
	return desks;
}

/** Empties all, then brings them back with a controller manager that takes no time over it. */
async function refill(
	floor: Floor,
	governed: readonly BenchDesk[],
	bare: readonly BenchDesk[],
): Promise<void> {
	floor.progress.report("told-10: refilling");
	await Promise.all(governed.map((desk) => settled(floor, desk)));
	for (const desk of [...governed, ...bare]) await emptied(floor, desk);
	for (const desk of [...governed, ...bare]) await lower(floor, desk);
	await floor.setControllerManager("High");
	for (const desk of [...governed, ...bare]) await filled(floor, desk);
	await Promise.all(governed.map((desk) => settled(floor, desk)));
}

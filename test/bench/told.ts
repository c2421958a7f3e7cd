import { setTimeout as sleep } from "node:timers/promises";
import { type BenchDesk, createDesk, emptied, filled, lower, settled } from "./bench-desk.ts";
import type { Floor } from "./floor.ts";
import { measureBare, measureOperator } from "./measure.ts";
import { beginRow, type Row } from "./row.ts";

const limit = { kind: "P99Below", milliseconds: 50 } as const;
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
	const name = "told-10";
	const governed = await createDesks(floor, "told", rounds);
	const bare = await createDesks(floor, "told-bare", rounds);
	const first = governing(floor, governed, () => floor.startReplicas(replicas, namesOf(governed)));
	const second: Side = {
		desks: bare,
		start: async () => ({ stop: async () => {} }),
		measure: (desk) => measureBare(floor, desk, pods),
		isGoverned: false,
	};
	const { samples, baseline } = await inTurn(floor, name, rounds, first, second);
	return make(
		name,
		`${haltOf}: acknowledged -> all told to stop`,
		limit,
		{ samples, how: `${replicas} replicas` },
		{ samples: baseline, how: `bare parallel delete, ${pods} in flight` },
	);
}

/** What is halted, for people. */
export const haltOf = `${pods} pods in ${deployments} Deployments, Emergency`;
/** Operator replicas of each measured side. */
export const replicas = 2;

/** One of two things that are measured in turn. */
export type Side = {
	readonly desks: readonly BenchDesk[];
	/** Starts what halts them, once their pods are there. */
	readonly start: () => Promise<{ readonly stop: () => Promise<void> }>;
	/** Halts one; milliseconds. */
	readonly measure: (desk: BenchDesk) => Promise<number>;
	readonly isGoverned: boolean;
};

/** Desks that operator replicas halt. */
export function governing(floor: Floor, desks: readonly BenchDesk[], start: Side["start"]): Side {
	return { desks, start, measure: (desk) => measureOperator(floor, desk), isGoverned: true };
}

/** Measures both sides so many times, in turn, so that neither always follows the other. */
export async function inTurn(
	floor: Floor,
	name: string,
	rounds: number,
	first: Side,
	second: Side,
): Promise<{ readonly samples: readonly number[]; readonly baseline: readonly number[] }> {
	const { progress } = floor;
	const all = [...first.desks, ...second.desks];
	await floor.setControllerManager("High");
	for (const desk of all) await filled(floor, desk);
	const running = [await first.start(), await second.start()];
	const samples: number[] = [];
	const baseline: number[] = [];
	try {
		while (samples.length < rounds) {
			await floor.setControllerManager("Default");
			const now = Math.min(first.desks.length, rounds - samples.length);
			for (const [index, desk] of first.desks.slice(0, now).entries()) {
				progress.report(name, `round ${samples.length + 1} of ${rounds}`);
				const other = second.desks[index];
				if (other === undefined) throw new RangeError("as many desks on both sides");
				const measures = [
					async () => samples.push(await first.measure(desk)),
					async () => baseline.push(await second.measure(other)),
				];
				for (const measure of index % 2 === 0 ? measures : measures.toReversed()) {
					await measure();
					await sleep(pauseMilliseconds);
				}
			}
			if (samples.length < rounds) await refill(floor, name, now, first, second);
		}
	} finally {
		for (const { stop } of running) await stop();
	}
	await floor.setControllerManager("Default");
	return { samples, baseline };
}

/** The namespaces of desks. */
export function namesOf(desks: readonly BenchDesk[]): readonly string[] {
	return desks.map((desk) => desk.namespace);
}

/** As many desks as are halted one after the other before all are filled again together. */
export async function createDesks(
	floor: Floor,
	prefix: string,
	rounds: number,
): Promise<readonly BenchDesk[]> {
	floor.progress.report(`${prefix}: creating desks`);
	const desks: BenchDesk[] = [];
	while (desks.length < Math.min(desksPerBatch, rounds)) {
		desks.push(await createDesk(floor, prefix, deployments, pods));
	}
	return desks;
}

/** Empties all, then brings them back with a controller manager that takes no time over it. */
async function refill(floor: Floor, name: string, count: number, ...sides: readonly Side[]): Promise<void> {
	floor.progress.report(`${name}: refilling`);
	const governed = sides.flatMap(({ desks, isGoverned }) => (isGoverned ? desks.slice(0, count) : []));
	const all = sides.flatMap(({ desks }) => desks.slice(0, count));
	await Promise.all(governed.map((desk) => settled(floor, desk)));
	for (const desk of all) await emptied(floor, desk);
	for (const desk of all) await lower(floor, desk);
	await floor.setControllerManager("High");
	for (const desk of all) await filled(floor, desk);
	await Promise.all(governed.map((desk) => settled(floor, desk)));
}

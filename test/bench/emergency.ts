import { kubectl } from "../../dev/cluster/kubectl.ts";
import { type BenchDesk, createDesk, emptied, filled, lower, settled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import { percentile } from "./figures.ts";
import type { Floor } from "./floor.ts";
import { measureBare, measureOperator } from "./measure.ts";
import { beginRow, type Measured, type Row } from "./row.ts";

/** How much of it. */
export type EmergencySize = {
	readonly name: string;
	readonly rounds: number;
	readonly kubectlRounds: number;
	readonly pods: number;
	readonly deployments: number;
	/** The numbers of replicas to measure, ascending. */
	readonly replicas: readonly number[];
};

/** The baseline is the fastest of these. */
const inFlight = [32, 64] as const;

/**
 * How soon are so many pods told to stop: by one replica and by two, beside a bare parallel delete and beside
 * `kubectl scale`? In each round each of them once, in an order that turns.
 */
export async function emergencyRows(
	floor: Floor,
	size: EmergencySize,
	emit: (row: Row) => void,
): Promise<void> {
	const { progress } = floor;
	progress.report(size.name, "creating two desks");
	const make = beginRow();
	const governed = await createDesk(floor, "emergency", size.deployments, size.pods);
	const bare = await createDesk(floor, "bare", size.deployments, size.pods);
	const samples = new Map<number, number[]>(size.replicas.map((count) => [count, []]));
	const baselines = new Map<number, number[]>(inFlight.map((lanes) => [lanes, []]));
	await refill(floor, [governed, bare]);
	const first = await floor.startReplicas(1, [governed.namespace]);
	try {
		for (let round = 0; round < size.rounds; round += 1) {
			const lanes = inFlight[round % inFlight.length] ?? 32;
			const measures = [
				...size.replicas.map((count) => async () => {
					const others = await floor.startReplicas(count - 1, [governed.namespace]);
					try {
						await settled(floor, governed);
						samples.get(count)?.push(await measureOperator(floor, governed));
						await settled(floor, governed);
						await lower(floor, governed);
						await refill(floor, [governed]);
						await settled(floor, governed);
					} finally {
						await others.stop();
					}
				}),
				async () => {
					baselines.get(lanes)?.push(await measureBare(floor, bare, lanes));
					await emptied(floor, bare);
					await lower(floor, bare);
					await refill(floor, [bare]);
				},
			];
			for (let turn = 0; turn < measures.length; turn += 1) {
				progress.report(size.name, `round ${round + 1} of ${size.rounds}`);
				await measures[(round + turn) % measures.length]?.();
			}
		}
	} finally {
		await first.stop();
	}
	const what = `${size.pods} pods in ${size.deployments} Deployments, Emergency: acknowledged -> every pod told to stop`;
	const measuredWith = (count: number): Measured => ({
		samples: samples.get(count) ?? [],
		how: count === 1 ? "1 replica" : `${count} replicas`,
	});
	const baseline = fastest(baselines);
	for (const count of size.replicas) {
		emit(make(size.name, what, { kind: "TimesBaseline", times: 1.5 }, measuredWith(count), baseline));
	}
	const [one, two] = size.replicas;
	if (one !== undefined && two !== undefined) {
		const limit = { kind: "TimesBaseline", times: 1.25 } as const;
		emit(
			make(size.name, "the same, more replicas beside fewer", limit, measuredWith(two), measuredWith(one)),
		);
	}
	if (size.kubectlRounds > 0) emit(await kubectlRow(floor, bare, size));
}

/** Waits until the pods of these desks are there again, made at a high rate. */
async function refill(floor: Floor, desks: readonly BenchDesk[]): Promise<void> {
	await floor.setControllerManager("High");
	for (const desk of desks) await filled(floor, desk);
	await floor.setControllerManager("Default");
}

function fastest(baselines: ReadonlyMap<number, readonly number[]>): Measured {
	const measured = [...baselines]
		.filter(([, samples]) => samples.length > 0)
		.map(([lanes, samples]) => ({ lanes, samples, median: percentile(samples, 0.5) }))
		.toSorted((a, b) => a.median - b.median);
	const [best] = measured;
	if (best === undefined) throw new RangeError("no baseline was measured");
	const all = measured.map(({ lanes, median }) => `${lanes}: ${median.toFixed(0)} ms`).join(", ");
	return { samples: best.samples, how: `bare parallel delete, ${best.lanes} in flight (medians of ${all})` };
}

async function kubectlRow(floor: Floor, desk: BenchDesk, size: EmergencySize): Promise<Row> {
	const make = beginRow();
	const { namespace } = desk;
	const samples: number[] = [];
	const scale = async (replicas: number) => {
		const args = ["scale", "deployments", "--all", `--replicas=${replicas}`, "--namespace", namespace];
		const { code, stderr } = await kubectl(floor.cluster, args, { deadlineMilliseconds: 120_000 });
		if (code !== 0) throw new BenchError("CHILD_FAILED", `kubectl scale failed: ${stderr}`);
	};
	for (let round = 0; round < size.kubectlRounds; round += 1) {
		floor.progress.report(`${size.name}, kubectl scale`, `round ${round + 1} of ${size.kubectlRounds}`);
		await floor.setControllerManager("Default");
		const told = floor.watch.when("every pod was told to stop", namespace, ({ untold }) => untold === 0);
		const startedAt = performance.now();
		const [toldAt] = await Promise.all([told, scale(0)]);
		samples.push(toldAt - startedAt);
		if (round + 1 === size.kubectlRounds) break;
		await floor.setControllerManager("High");
		await emptied(floor, desk);
		await scale(size.pods / size.deployments);
		await filled(floor, desk);
	}
	await floor.setControllerManager("Default");
	const what = `the same pods by kubectl scale --replicas=0: command started -> every pod told to stop`;
	return make(size.name, what, { kind: "None" }, { samples, how: "no operator, mode Normal" });
}

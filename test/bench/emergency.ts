import { kubectl } from "../../dev/cluster/kubectl.ts";
import { type BenchDesk, createDesk, emptied, filled, lower, settled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import { percentile } from "./figures.ts";
import type { Floor } from "./floor.ts";
import { measureBare, measureOperator } from "./measure.ts";
import { beginRow, type Measured, type Row } from "./row.ts";

/** How much of it. */
export type EmergencySize = {
	readonly rounds: number;
	readonly kubectlRounds: number;
	readonly pods: number;
	readonly deployments: number;
};

const name = "emergency-1000";
/** The baseline is the fastest of these. */
const inFlight = [32, 64] as const;

/** How soon are a thousand pods told to stop, beside a bare parallel delete and beside `kubectl scale`? */
export async function emergencyRows(
	floor: Floor,
	size: EmergencySize,
	emit: (row: Row) => void,
): Promise<void> {
	const { progress } = floor;
	progress.report(name, "creating two desks");
	const governed = await createDesk(floor, "emergency", size.deployments, size.pods);
	const bare = await createDesk(floor, "bare", size.deployments, size.pods);
	await floor.setControllerManager("High");
	await filled(floor, governed);
	await filled(floor, bare);
	for (const replicas of [1, 2]) emit(await replicasRow(floor, governed, bare, size, replicas));
	if (size.kubectlRounds > 0) emit(await kubectlRow(floor, bare, size));
	await floor.setControllerManager("Default");
}

async function replicasRow(
	floor: Floor,
	governed: BenchDesk,
	bare: BenchDesk,
	size: EmergencySize,
	replicas: number,
): Promise<Row> {
	const make = beginRow();
	const samples: number[] = [];
	const baselines = new Map<number, number[]>(inFlight.map((lanes) => [lanes, []]));
	const operators = await floor.startReplicas(replicas, [governed.namespace]);
	try {
		for (let round = 0; round < size.rounds; round += 1) {
			const step = `${name}, ${replicas === 1 ? "1 replica" : `${replicas} replicas`}`;
			floor.progress.report(step, `round ${round + 1} of ${size.rounds}`);
			await settled(floor, governed);
			await floor.setControllerManager("Default");
			const lanes = inFlight[round % inFlight.length] ?? 32;
			const measureGoverned = async () => {
				samples.push(await measureOperator(floor, governed));
				await settled(floor, governed);
			};
			const measureBaseline = async () => {
				baselines.get(lanes)?.push(await measureBare(floor, bare, lanes));
				await emptied(floor, bare);
			};
			const order = [measureGoverned, measureBaseline];
			for (const measure of round % 2 === 0 ? order : order.toReversed()) await measure();
			await lower(floor, governed);
			await lower(floor, bare);
			await floor.setControllerManager("High");
			await filled(floor, governed);
			await filled(floor, bare);
		}
	} finally {
		await operators.stop();
	}
	return make(
		name,
		`${size.pods} pods in ${size.deployments} Deployments, Emergency: acknowledged -> every pod told to stop`,
		{ kind: "TimesBaseline", times: 1.5 },
		{ samples, how: replicas === 1 ? "1 replica" : `${replicas} replicas` },
		fastest(baselines),
	);
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
		floor.progress.report(`${name}, kubectl scale`, `round ${round + 1} of ${size.kubectlRounds}`);
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
	const what = `the same pods by kubectl scale --replicas=0: command started -> every pod told to stop`;
	return make(name, what, { kind: "None" }, { samples, how: "no operator, mode Normal" });
}

import type { TradingSafety } from "../../crds/types.ts";
import { type BenchDesk, createDesk, filled, lower, raise, settled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { ObjectWatch } from "./object-watch.ts";
import { beginRow, type Row } from "./row.ts";

/** How much of it. */
export type RestoreSize = { readonly rounds: number; readonly pods: number; readonly deployments: number };

type Deployment = {
	readonly metadata: { readonly name: string };
	readonly spec: { readonly replicas: number };
};

const name = "restore-1000";
const stuckSeconds = 20;

/** How soon after a stage was opened are its workloads scaled, and does anything come back past a failed stage? */
export async function restoreRows(floor: Floor, size: RestoreSize, emit: (row: Row) => void): Promise<void> {
	floor.progress.report(name, "creating a desk");
	const desk = await createDesk(floor, "restore", size.deployments, size.pods);
	await floor.setControllerManager("High");
	await filled(floor, desk);
	const operators = await floor.startReplicas(2, [desk.namespace]);
	try {
		emit(await openedRow(floor, desk, size));
		emit(await failedStageRow(floor, desk));
	} finally {
		await operators.stop();
	}
	await floor.setControllerManager("Default");
}

async function openedRow(floor: Floor, desk: BenchDesk, size: RestoreSize): Promise<Row> {
	const make = beginRow();
	const samples: number[] = [];
	const bare: number[] = [];
	const { admin, progress } = floor;
	const path = `/apis/apps/v1/namespaces/${desk.namespace}/deployments`;
	const deployments = await ObjectWatch.start<Deployment>(admin, path);
	const desks = await ObjectWatch.start<TradingSafety>(admin, desk.path.slice(0, desk.path.lastIndexOf("/")));
	try {
		for (let round = 0; round < size.rounds; round += 1) {
			progress.report(name, `round ${round + 1} of ${size.rounds}`);
			await settled(floor, desk);
			await raise(floor, desk);
			await settled(floor, desk);
			const released = desks.when("the target is released", ([object]) => isReleased(object));
			const scaled = deployments.when("every Deployment is scaled", (all) =>
				all.every(({ spec }) => spec.replicas > 0),
			);
			await lower(floor, desk);
			samples.push((await scaled) - (await released));
			await filled(floor, desk);
			await settled(floor, desk);
			bare.push(await scaleBare(floor, path, deployments));
			await filled(floor, desk);
		}
	} finally {
		await Promise.all([deployments.stop(), desks.stop()]);
	}
	return make(
		name,
		`restore of ${size.pods} pods in ${size.deployments} Deployments: stage opened -> every one scaled`,
		{ kind: "AtMost", value: 2_000 },
		{ samples, how: "2 replicas, one of them leads; both times as a watch showed them" },
		{ samples: bare, how: "a bare client scales as many, 16 in flight" },
	);
}

function isReleased(desk: TradingSafety | undefined): boolean {
	const target = desk?.status?.targets?.[0];
	return desk?.spec.mode === "Normal" && target !== undefined && target.fencedAs === undefined;
}

/** The same number of scale patches by a client that does nothing else. */
async function scaleBare(
	{ admin }: Floor,
	path: string,
	deployments: ObjectWatch<Deployment>,
): Promise<number> {
	const all = deployments.objects();
	const [first] = all;
	if (first === undefined) throw new BenchError("NOT_AS_EXPECTED", "there are no Deployments");
	const replicas = first.spec.replicas + 1;
	const scaled = deployments.when("every Deployment is scaled", (now) =>
		now.every(({ spec }) => spec.replicas === replicas),
	);
	const startedAt = performance.now();
	const scale = (to: (deployment: Deployment) => number) =>
		Promise.all(
			all.map((deployment) =>
				admin.patch(
					`${path}/${deployment.metadata.name}/scale`,
					{ spec: { replicas: to(deployment) } },
					{ type: "merge" },
					{ priority: "emergency" },
				),
			),
		);
	await scale(() => replicas);
	const took = (await scaled) - startedAt;
	await scale(({ spec }) => spec.replicas);
	return took;
}

/** A first target whose only pod never gets Ready, then the large one. */
async function failedStageRow(floor: Floor, desk: BenchDesk): Promise<Row> {
	const make = beginRow();
	const { admin, progress } = floor;
	progress.report(name, "a stage that fails");
	const path = `/apis/apps/v1/namespaces/${desk.namespace}/deployments`;
	const labels = { app: "first" };
	await admin.create(path, {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "first" },
		spec: {
			replicas: 1,
			selector: { matchLabels: labels },
			template: {
				metadata: { labels },
				spec: { nodeSelector: { nowhere: "true" }, containers: [{ name: "c", image: "none" }] },
			},
		},
	});
	const bots = { name: "bots", preset: "Strategy", selector: { matchLabels: { app: "bot" } } };
	const first = { name: "first", preset: "Strategy", selector: { matchLabels: labels } };
	await admin.patch(desk.path, { spec: { targets: [first, bots] } }, { type: "merge" });
	await settled(floor, desk);
	await raise(floor, desk);
	await settled(floor, desk);
	const deployments = await ObjectWatch.start<Deployment>(admin, path);
	try {
		await lower(floor, desk);
		await deployments.when("the first stage is opened", (all) =>
			all.some(({ metadata, spec }) => metadata.name === "first" && spec.replicas > 0),
		);
		const restored = await deployments.most(
			stuckSeconds * 1_000,
			(all) => all.filter(({ metadata, spec }) => metadata.name !== "first" && spec.replicas > 0).length,
		);
		return make(
			name,
			`workloads restored past a stage that does not get Ready, in ${stuckSeconds} s`,
			{ kind: "AtMost", value: 0 },
			{ samples: [restored], how: "2 replicas" },
			undefined,
			"workloads",
		);
	} finally {
		await deployments.stop();
	}
}

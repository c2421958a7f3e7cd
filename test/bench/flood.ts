import { setTimeout as sleep } from "node:timers/promises";
import { type FloodRequest, startFlood } from "../support/flood.ts";
import { type BenchDesk, createDesk, filled, lower, settled } from "./bench-desk.ts";
import type { Floor } from "./floor.ts";
import { measureOperator } from "./measure.ts";
import { beginRow, type Row } from "./row.ts";

/** How much of it. */
export type FloodSize = { readonly rounds: number; readonly pods: number; readonly deployments: number };

const name = "flood-1000";
const replicas = 2;
/** Requests that the other client has under way at any time. */
const inFlight = 100;
const person = "bench-flood";
/** The API server moves places to where they are wanted every 10 s: from then on the other client has what it can get. */
const stormMilliseconds = 12_000;

/** How soon are a thousand pods told to stop while another client sends whatever it may, without a pause? */
export async function floodRow(floor: Floor, size: FloodSize): Promise<Row> {
	const make = beginRow();
	const { progress } = floor;
	progress.report(name, "creating a desk");
	const desk = await createDesk(floor, "flood", size.deployments, size.pods);
	const startStorm = await prepareStorm(floor, desk);
	await floor.setControllerManager("High");
	await filled(floor, desk);
	const operators = await floor.startReplicas(replicas, [desk.namespace]);
	const stormy: number[] = [];
	const quiet: number[] = [];
	let answered = 0;
	let seconds = 0;
	const inStorm = async () => {
		const storm = await startStorm();
		await sleep(stormMilliseconds);
		await storm.counts();
		const startedAt = performance.now();
		try {
			stormy.push(await measureOperator(floor, desk));
			seconds += (performance.now() - startedAt) / 1000;
			for (const count of Object.values(await storm.counts())) answered += count;
		} finally {
			await storm.stop();
		}
	};
	const inQuiet = async () => quiet.push(await measureOperator(floor, desk));
	try {
		for (let round = 0; round < size.rounds; round += 1) {
			const order = [inStorm, inQuiet];
			for (const measure of round % 2 === 0 ? order : order.toReversed()) {
				progress.report(name, `round ${round + 1} of ${size.rounds}`);
				await settled(floor, desk);
				await floor.setControllerManager("Default");
				await measure();
				await settled(floor, desk);
				await lower(floor, desk);
				await floor.setControllerManager("High");
				await filled(floor, desk);
			}
		}
	} finally {
		await operators.stop();
	}
	await floor.setControllerManager("Default");
	const rate = (answered / seconds).toFixed(0);
	return make(
		name,
		`${size.pods} pods in ${size.deployments} Deployments, Emergency, flooded: acknowledged -> every pod told to stop`,
		{ kind: "TimesBaseline", times: 2 },
		{
			samples: stormy,
			how: `${replicas} replicas; another client lists and creates, ${inFlight} at once, ${rate} answers/s`,
		},
		{ samples: quiet, how: `${replicas} replicas, no other client` },
	);
}

/** A user who may list pods and create config maps. */
async function prepareStorm({ admin, cluster }: Floor, { namespace }: BenchDesk) {
	const group = "rbac.authorization.k8s.io";
	await admin.create(`/apis/${group}/v1/namespaces/${namespace}/rolebindings`, {
		apiVersion: `${group}/v1`,
		kind: "RoleBinding",
		metadata: { name: person },
		roleRef: { apiGroup: group, kind: "ClusterRole", name: "edit" },
		subjects: [{ kind: "User", name: person, apiGroup: group }],
	});
	const kubeconfigs = [await cluster.kubeconfigFor({ name: person })];
	const requests: readonly FloodRequest[] = [
		{ method: "GET", path: `/api/v1/namespaces/${namespace}/pods?limit=100` },
		{
			method: "POST",
			path: `/api/v1/namespaces/${namespace}/configmaps?dryRun=All`,
			body: { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "flood-" } },
		},
	];
	return () => startFlood({ kubeconfigs, inFlight, requests });
}

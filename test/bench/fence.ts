import type { Client } from "../../kube/client.ts";
import { isKubeError } from "../../kube/error.ts";
import { createDesk, lower, raise } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { beginRow, type Row } from "./row.ts";

/** Admitted in a row before a raise, so that it meets a loop that runs; denied in a row after it. */
const before = 5;
const after = 10;
const attemptsAtMost = 2_000;

/** How soon does the API server deny pods after a raise, with no process of ours running? */
export function fenceRow(floor: Floor, rounds: number): Promise<Row> {
	const what = "raise acknowledged -> Pod CREATE denied, no operator running";
	return row(floor, floor.admin, rounds, { name: "fence", what, milliseconds: 30 });
}

/** The same where the raise is at one API server and the pods are tried at another. */
export function fenceElsewhereRow(floor: Floor, rounds: number): Promise<Row> {
	const [, other] = floor.admins;
	if (other === undefined) throw new RangeError("this row needs two API servers");
	const what = "raise acknowledged at API server A -> Pod CREATE denied at B, no operator running";
	return row(floor, other, rounds, { name: "fence-elsewhere", what, milliseconds: 100 });
}

async function row(
	floor: Floor,
	client: Client,
	rounds: number,
	{
		name,
		what,
		milliseconds,
	}: { readonly name: string; readonly what: string; readonly milliseconds: number },
): Promise<Row> {
	const make = beginRow();
	const desk = await createDesk(floor, name, 0, 0);
	const samples: number[] = [];
	const creates: number[] = [];
	for (let round = 0; round < rounds; round += 1) {
		floor.progress.report(name, `round ${round + 1} of ${rounds}`);
		await waitUntilAdmitted(client, desk.namespace);
		for (let done = 0; done < before; done += 1) creates.push(await timeOfCreate(client, desk.namespace));
		const raising = raise(floor, desk);
		const deniedAt = await firstDenial(client, desk.namespace);
		for (let done = 0; done < after; done += 1) {
			if (await isAdmitted(client, desk.namespace))
				throw new BenchError("FENCE_WRONG", "a pod was admitted after the first denial");
		}
		samples.push(deniedAt - (await raising));
		await lower(floor, desk);
	}
	return make(
		name,
		what,
		{ kind: "P99Below", milliseconds },
		{ samples, how: `one dry-run create after the other; ${after} more are denied each time` },
		{ samples: creates, how: "one dry-run create in the same loop, admitted" },
	);
}

async function timeOfCreate(client: Client, namespace: string): Promise<number> {
	const startedAt = performance.now();
	if (!(await isAdmitted(client, namespace)))
		throw new BenchError("FENCE_WRONG", "a pod was denied in Normal");
	return performance.now() - startedAt;
}

async function firstDenial(client: Client, namespace: string): Promise<number> {
	for (let attempts = 0; attempts < attemptsAtMost; attempts += 1) {
		if (!(await isAdmitted(client, namespace))) return performance.now();
	}
	throw new BenchError("FENCE_WRONG", `the fence of ${namespace} did not deny`);
}

/** The policies see the lowering a moment later, too. */
async function waitUntilAdmitted(client: Client, namespace: string): Promise<void> {
	for (let admitted = 0, attempts = 0; admitted < 3; attempts += 1) {
		if (attempts > attemptsAtMost)
			throw new BenchError("FENCE_WRONG", `the fence of ${namespace} did not open`);
		admitted = (await isAdmitted(client, namespace)) ? admitted + 1 : 0;
	}
}

async function isAdmitted(client: Client, namespace: string): Promise<boolean> {
	const pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "pod", labels: { app: "bot" } },
		spec: { containers: [{ name: "c", image: "none" }] },
	};
	try {
		await client.create(
			`/api/v1/namespaces/${namespace}/pods`,
			pod,
			{ dryRun: "All" },
			{ priority: "emergency" },
		);
		return true;
	} catch (error) {
		if (isKubeError(error, "FORBIDDEN", "INVALID")) return false;
		throw error;
	}
}

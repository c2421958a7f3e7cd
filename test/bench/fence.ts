import { isKubeError } from "../../kube/error.ts";
import { createDesk, lower, raise } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { beginRow, type Row } from "./row.ts";

const limit = { kind: "P99Below", milliseconds: 30 } as const;
/** Admitted in a row before a raise, so that it meets a loop that runs; denied in a row after it. */
const before = 5;
const after = 10;
const attemptsAtMost = 2_000;

/** How soon does the API server deny pods after a raise, with no process of ours running? */
export async function fenceRow(floor: Floor, rounds: number): Promise<Row> {
	const make = beginRow();
	const desk = await createDesk(floor, "fence", 0, 0);
	const samples: number[] = [];
	const creates: number[] = [];
	for (let round = 0; round < rounds; round += 1) {
		floor.progress.report("fence", `round ${round + 1} of ${rounds}`);
		await waitUntilAdmitted(floor, desk.namespace);
		for (let done = 0; done < before; done += 1) creates.push(await timeOfCreate(floor, desk.namespace));
		const raising = raise(floor, desk);
		const deniedAt = await firstDenial(floor, desk.namespace);
		for (let done = 0; done < after; done += 1) {
			if (await isAdmitted(floor, desk.namespace))
				throw new BenchError("FENCE_WRONG", "a pod was admitted after the first denial");
		}
		samples.push(deniedAt - (await raising));
		await lower(floor, desk);
	}
	return make(
		"fence",
		"raise acknowledged -> Pod CREATE denied, no operator running",
		limit,
		{ samples, how: `one dry-run create after the other; ${after} more are denied each time` },
		{ samples: creates, how: "one dry-run create in the same loop, admitted" },
	);
}

async function timeOfCreate(floor: Floor, namespace: string): Promise<number> {
	const startedAt = performance.now();
	if (!(await isAdmitted(floor, namespace)))
		throw new BenchError("FENCE_WRONG", "a pod was denied in Normal");
	return performance.now() - startedAt;
}

async function firstDenial(floor: Floor, namespace: string): Promise<number> {
	for (let attempts = 0; attempts < attemptsAtMost; attempts += 1) {
		if (!(await isAdmitted(floor, namespace))) return performance.now();
	}
	throw new BenchError("FENCE_WRONG", `the fence of ${namespace} did not deny`);
}

/** The policies see the lowering a moment later, too. */
async function waitUntilAdmitted(floor: Floor, namespace: string): Promise<void> {
	for (let admitted = 0, attempts = 0; admitted < 3; attempts += 1) {
		if (attempts > attemptsAtMost)
			throw new BenchError("FENCE_WRONG", `the fence of ${namespace} did not open`);
		admitted = (await isAdmitted(floor, namespace)) ? admitted + 1 : 0;
	}
}

async function isAdmitted({ admin }: Floor, namespace: string): Promise<boolean> {
	const pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "pod", labels: { app: "bot" } },
		spec: { containers: [{ name: "c", image: "none" }] },
	};
	try {
		await admin.create(
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

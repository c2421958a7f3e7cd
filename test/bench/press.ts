import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { estopNodeEnv, estopNodeFlags } from "../../crds/estop-daemonset.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { createDesk, filled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { beginRow, type Row } from "./row.ts";

const run = promisify(execFile);
const host = fileURLToPath(new URL("press-host.ts", import.meta.url));

type Times = {
	/** Milliseconds to the bytes of the patch, and to its answer. */
	readonly presses: readonly (readonly [number, number])[];
	readonly bares: readonly (readonly [number, number])[];
	/** In MB: resident, and what of it no other process could share. */
	readonly memory: { readonly resident: number; readonly anonymous: number };
};

/**
 * What a press takes in the sidecar, from a readable report on, with heartbeats and lights. What hardware and node-hid add
 * cannot be measured without them.
 */
export async function pressRows(floor: Floor, count: number, emit: (row: Row) => void): Promise<void> {
	const makers = [beginRow(), beginRow(), beginRow(), beginRow(), beginRow()] as const;
	const times = await pressing(floor, "press", count);
	const how = `${count} presses of a virtual box, one patch each`;
	const written = times.presses.map(([to]) => to);
	const bareWritten = times.bares.map(([to]) => to);
	const [first, second, third, fourth, fifth] = makers;
	const what = "report readable -> PATCH bytes written";
	const besides = { samples: bareWritten, how: "a bare keep-alive PATCH in the same process, in turn" };
	emit(
		first("press-written", what, { kind: "P99Below", milliseconds: 1 }, { samples: written, how }, besides),
	);
	const longest = { kind: "AtMost", value: 10 } as const;
	emit(second("press-written-max", `${what}, the longest`, longest, { samples: written, how }));
	emit(
		third(
			"press-acknowledged",
			"report readable -> the API server's answer",
			{ kind: "TimesBaseline", times: 1.5 },
			{ samples: times.presses.map(([, to]) => to), how },
			{ samples: times.bares.map(([, to]) => to), how: besides.how },
		),
	);
	emit(
		fourth(
			"press-memory",
			"resident memory of the sidecar after that",
			{ kind: "AtMost", value: 90 },
			{ samples: [times.memory.resident], how: "with the account of a pod, compiled before" },
			undefined,
			"MB",
		),
	);
	emit(
		fifth(
			"press-memory-anonymous",
			"of which are no mapped pages of files",
			{ kind: "None" },
			{ samples: [times.memory.anonymous], how: "the rest is Node.js itself, which the kernel may drop" },
			undefined,
			"MB",
		),
	);
}

/** A desk of its own that pins a box, and the answers to presses of it. */
async function pressing(floor: Floor, name: string, count: number): Promise<Times> {
	const desk = await createDesk(floor, name, 0, 0);
	const { serial, product, descriptorHash } = boxInfo(`BENCH-${desk.namespace}`);
	const estop = { devices: [{ serial, product, descriptorHash }] };
	await floor.admin.patch(desk.path, { spec: { estop } }, { type: "merge" });
	const access = await floor.cluster.podAccess({ namespace: operatorNamespace, name: estopAccount });
	floor.progress.report(name, `${count} presses`);
	const generation = async () => (await floor.admin.get<TradingSafety>(desk.path)).metadata.generation ?? 0;
	const before = await generation();
	const times = await press(access, desk.namespace, serial, count);
	// Each press and each bare patch writes another trip; the first run was one of each.
	const written = (await generation()) - before;
	const lost = 2 * (count + 1) - written;
	if (lost !== 0) throw new BenchError("NOT_AS_EXPECTED", `${lost} of ${2 * count} patches are missing`);
	return times;
}

/** The same while pods are being deleted all the time, as fast as 64 calls in flight do. */
export async function pressDeletingRows(
	floor: Floor,
	{
		count,
		pods,
		deployments,
	}: { readonly count: number; readonly pods: number; readonly deployments: number },
	emit: (row: Row) => void,
): Promise<void> {
	const makers = [beginRow(), beginRow()] as const;
	const desk = await createDesk(floor, "deleted", deployments, pods);
	await floor.setControllerManager("High");
	await filled(floor, desk);
	let isOver = false;
	let deleted = 0;
	const deleteAll = async () => {
		while (!isOver) {
			const running = floor.watch.running(desk.namespace);
			await floor.bareDelete.arm(running, 64);
			await floor.bareDelete.go();
			deleted += running.length;
		}
	};
	const deleting = deleteAll();
	let times: Times;
	try {
		times = await pressing(floor, "press-deleting", count);
	} finally {
		isOver = true;
		await deleting;
		await floor.setControllerManager("Default");
	}
	const how = `${count} presses, none lost, while ${deleted} pods were deleted, 64 calls in flight`;
	const bare = "a bare keep-alive PATCH in the same process, in turn";
	const row = (index: 0 | 1) => ({ samples: times.presses.map((each) => each[index]), how });
	const beside = (index: 0 | 1) => ({ samples: times.bares.map((each) => each[index]), how: bare });
	const printed = { kind: "None" } as const;
	emit(
		makers[0]("press-deleting-written", "report readable -> PATCH bytes written", printed, row(0), beside(0)),
	);
	emit(
		makers[1](
			"press-deleting-acknowledged",
			"report readable -> the API server's answer",
			printed,
			row(1),
			beside(1),
		),
	);
}

async function press(
	{ folder, env }: Awaited<ReturnType<Floor["cluster"]["podAccess"]>>,
	namespace: string,
	serial: string,
	count: number,
): Promise<Times> {
	// As in its image, which has the compiled code: the first run leaves it there.
	const compiled = await mkdtemp(join(tmpdir(), "tradingsafety-bench-"));
	const pressed = async (times: number) => {
		const args = [...estopNodeFlags, host, folder, namespace, serial, String(times)];
		const { stdout } = await run(process.execPath, args, {
			maxBuffer: 64 << 20,
			env: { ...process.env, ...env, ...estopNodeEnv, NODE_COMPILE_CACHE: compiled },
		});
		return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Times;
	};
	try {
		await pressed(1);
		return await pressed(count);
	} catch (cause) {
		const { stderr = "" } = cause as { readonly stderr?: string };
		throw new BenchError("CHILD_FAILED", `the sidecar ended: ${stderr.slice(-2_000)}`, { cause });
	} finally {
		await rm(compiled, { recursive: true });
	}
}

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import { nodeFlags } from "../../dev/node-flags.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { createDesk } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { beginRow, type Row } from "./row.ts";

const run = promisify(execFile);
const host = fileURLToPath(new URL("press-host.ts", import.meta.url));

type Times = {
	/** Milliseconds to the bytes of the patch, and to its answer. */
	readonly presses: readonly (readonly [number, number])[];
	readonly bares: readonly (readonly [number, number])[];
	/** Resident, in MB. */
	readonly memory: number;
};

/**
 * What a press takes in the sidecar, from a readable report on, with heartbeats and lights. What hardware and node-hid add
 * cannot be measured without them.
 */
export async function pressRows(floor: Floor, count: number, emit: (row: Row) => void): Promise<void> {
	const makers = [beginRow(), beginRow(), beginRow(), beginRow()] as const;
	const desk = await createDesk(floor, "press", 0, 0);
	const { serial, product, descriptorHash } = boxInfo(`BENCH-${desk.namespace}`);
	const estop = { devices: [{ serial, product, descriptorHash }] };
	await floor.admin.patch(desk.path, { spec: { estop } }, { type: "merge" });
	const account = { namespace: operatorNamespace, name: estopAccount };
	const access = await floor.cluster.podAccess(account);
	floor.progress.report("press", `${count} presses`);
	const times = await press(access, desk.namespace, serial, count);
	const how = `${count} presses of a virtual box, one patch each`;
	const written = times.presses.map(([to]) => to);
	const bareWritten = times.bares.map(([to]) => to);
	const [first, second, third, fourth] = makers;
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
			{ samples: [times.memory], how: "with the account of a pod" },
			undefined,
			"MB",
		),
	);
}

async function press(
	{ folder, env }: Awaited<ReturnType<Floor["cluster"]["podAccess"]>>,
	namespace: string,
	serial: string,
	count: number,
): Promise<Times> {
	const args = [...nodeFlags, host, folder, namespace, serial, String(count)];
	try {
		const { stdout } = await run(process.execPath, args, {
			maxBuffer: 64 << 20,
			env: { ...process.env, ...env },
		});
		return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Times;
	} catch (cause) {
		const { stderr = "" } = cause as { readonly stderr?: string };
		throw new BenchError("CHILD_FAILED", `the sidecar ended: ${stderr.slice(-2_000)}`, { cause });
	}
}

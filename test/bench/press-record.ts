import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newKey } from "../../audit/signer.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import { nodeFlags } from "../../dev/node-flags.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { createDesk } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { hangingTrail } from "./hanging-trail.ts";
import { beginRow, type Row } from "./row.ts";

const host = fileURLToPath(new URL("press-host.ts", import.meta.url));

/** Milliseconds to the bytes of the patch and to its answer; what the process has resident, in MB. */
type Pressed = { readonly times: readonly [number, number]; readonly memory: { readonly resident: number } };
type Host = { readonly press: () => Promise<Pressed>; readonly stop: () => Promise<void> };

/**
 * Is a press slower with a record that nobody takes? Two sidecars, pressed in turn: one without a record, one whose trail accepts
 * connections and never answers.
 */
export async function pressRecordRows(floor: Floor, count: number, emit: (row: Row) => void): Promise<void> {
	const makers = [beginRow(), beginRow(), beginRow()] as const;
	const folder = await mkdtemp(join(tmpdir(), "tradingsafety-bench-"));
	const trail = await hangingTrail();
	const hosts: Host[] = [];
	try {
		await writeFile(join(folder, "key.pem"), newKey("Entries"), { mode: 0o600 });
		const record = [
			...["--record-spool", join(folder, "spool"), "--record-key", join(folder, "key.pem")],
			...["--record-log", "bench", "--record-to", trail.url],
		];
		// The first ones leave the compiled code, as the image has it.
		for (const options of [[], record]) {
			const host = await startHost(floor, folder, options);
			await host.press();
			await host.stop();
		}
		const without = await startHost(floor, folder, []);
		hosts.push(without);
		const withRecord = await startHost(floor, folder, record);
		hosts.push(withRecord);
		const [off, on]: [Pressed[], Pressed[]] = [[], []];
		for (let round = 0; round < count; round += 1) {
			floor.progress.report("press-record", `press ${round + 1} of ${count}`);
			// Neither is always the one that comes after the other.
			const turns = [
				() => without.press().then((one) => off.push(one)),
				() => withRecord.press().then((one) => on.push(one)),
			];
			for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
		}
		if (trail.calls() === 0) throw new BenchError("NOT_AS_EXPECTED", "nobody asked the trail for anything");
		const how = `${count} presses, the trail accepts connections and never answers`;
		const beside = "the same presses of a sidecar that keeps no record, in turn";
		const times = (all: readonly Pressed[], index: 0 | 1) => all.map((one) => one.times[index]);
		const limit = { kind: "TimesBaseline", times: 1.25 } as const;
		for (const [index, what] of [
			"report readable -> PATCH bytes written",
			"report readable -> the API server's answer",
		].entries()) {
			const at = index as 0 | 1;
			emit(
				makers[at](
					at === 0 ? "press-record-written" : "press-record-acknowledged",
					`${what}, audit on and the store hanging`,
					limit,
					{ samples: times(on, at), how },
					{ samples: times(off, at), how: beside },
				),
			);
		}
		const last = (all: readonly Pressed[]) => all.slice(-1).map(({ memory }) => memory.resident);
		emit(
			makers[2](
				"press-record-memory",
				"resident memory of a sidecar that keeps a record, after that",
				{ kind: "None" },
				{ samples: last(on), how: "with all that it recorded waiting, compiled before" },
				{ samples: last(off), how: "one that keeps none" },
				"MB",
			),
		);
	} finally {
		await Promise.all(hosts.map((host) => host.stop()));
		trail.close();
		await rm(folder, { recursive: true, force: true });
	}
}

/** A sidecar in a process of its own, with a desk of its own. */
async function startHost(floor: Floor, cache: string, options: readonly string[]): Promise<Host> {
	const desk = await createDesk(floor, "press-record", 0, 0);
	const { serial, product, descriptorHash } = boxInfo(`BENCH-${desk.namespace}`);
	const estop = { devices: [{ serial, product, descriptorHash }] };
	await floor.admin.patch(desk.path, { spec: { estop } }, { type: "merge" });
	const access = await floor.cluster.podAccess({ namespace: operatorNamespace, name: estopAccount });
	const child = fork(host, [access.folder, desk.namespace, serial, "0", ...options], {
		execArgv: [...nodeFlags],
		env: { ...process.env, ...access.env, NODE_COMPILE_CACHE: cache },
		stdio: ["ignore", "ignore", "ignore", "ipc"],
	});
	const said = (): Promise<unknown> => nextMessage(child);
	const ready = said();
	if ((await ready) !== "Ready") throw new BenchError("CHILD_FAILED", "the sidecar does not start");
	return {
		async press() {
			const answer = said();
			child.send("Press");
			return (await answer) as Pressed;
		},
		async stop() {
			if (child.exitCode !== null || child.signalCode !== null) return;
			const ended = once(child, "exit");
			child.send("Stop");
			await ended;
		},
	};
}

function nextMessage(child: ChildProcess): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const failed = (code: number | null) =>
			reject(new BenchError("CHILD_FAILED", `the sidecar ended with ${code}`));
		child.once("exit", failed);
		child.once("message", (message) => {
			child.off("exit", failed);
			resolve(message);
		});
	});
}

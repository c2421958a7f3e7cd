import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { pino } from "pino";
import { estopLeaseName, estopAnnotations as names } from "../../crds/estop-lease.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import { parseOptions } from "../../sidecar/options.ts";
import { leasePath } from "../../sidecar/paths.ts";
import { type SidecarParts, startSidecar } from "../../sidecar/run.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../../sidecar/testing/virtual-transport.ts";
import type { TestDesk } from "../operator/desk.ts";
import { until } from "../support/until.ts";

type Lease = {
	readonly metadata: {
		readonly resourceVersion: string;
		readonly annotations?: Readonly<Record<string, string>>;
	};
};

/** How a desk pins a box. */
export function pinOf(serial: string) {
	const { product, descriptorHash } = boxInfo(serial);
	return { serial, product, descriptorHash };
}

/** Settings of {@link startBoxes}. */
type BoxOptions = Partial<Pick<SidecarParts, "resolve" | "spoolFiles">> & {
	readonly args?: readonly string[];
	/** Called when there are credentials and boxes and no sidecar yet; then nobody waits until they are armed. */
	readonly beforeStart?: () => Promise<void>;
};

/** A sidecar with the account of a pod and boxes of these serials, each armed. Everything ends with the test. */
export async function startBoxes(
	t: ExecutionContext,
	desk: TestDesk,
	serials: readonly string[],
	{ args = [], beforeStart, ...parts }: BoxOptions = {},
) {
	const transport = new VirtualTransport();
	const devices = new Map(serials.map((serial) => [serial, transport.plug(boxInfo(serial))] as const));
	const boxes = new Map([...devices].map(([serial, device]) => [serial, new VirtualBox(device)] as const));
	const { folder: mounted, env } = await desk.cluster.podAccess({
		namespace: operatorNamespace,
		name: estopAccount,
	});
	// A folder of its own, whose files a test may replace as the kubelet does.
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-test-"));
	cpSync(mounted, folder, { recursive: true });
	Object.assign(process.env, env);
	const lines: string[] = [];
	const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
	const options = parseOptions(["--service-account", folder, "--http-port", "0", ...args]);
	await beforeStart?.();
	const sidecar = await startSidecar(options, { transport, log, ...parts });
	let isStopped = false;
	const stop = async () => {
		if (isStopped) return;
		isStopped = true;
		for (const box of boxes.values()) box.hang();
		await sidecar.stop();
	};
	t.teardown(async () => {
		await stop();
		rmSync(folder, { recursive: true });
		if (!t.passed) console.error(lines.slice(-60).join(""));
	});
	const pathOf = (serial: string) => leasePath(operatorNamespace, estopLeaseName(serial));
	const lease = (serial: string) => desk.admin.get<Lease>(pathOf(serial));
	const armed = (serial: string) =>
		until(`${serial} is armed`, async () => {
			const found = await lease(serial).catch((error: unknown) => String(error));
			if (typeof found !== "string" && found.metadata.annotations?.[names.notArmed] === "") return true;
			throw new Error(JSON.stringify(found));
		});
	if (beforeStart === undefined) for (const serial of serials) await armed(serial);
	const ask = (path: string) => fetch(`http://127.0.0.1:${sidecar.httpPort}${path}`);
	const textOf = async (path: string) => (await ask(path)).text();
	const of = <T>(things: ReadonlyMap<string, T>, serial: string): T => {
		const found = things.get(serial);
		if (found === undefined) throw new Error(`there is no box ${serial}`);
		return found;
	};
	return {
		box: (serial: string) => of(boxes, serial),
		device: (serial: string) => of(devices, serial),
		ready: async () => (await ask("/readyz")).status === 200,
		problems: () => textOf("/readyz"),
		/** The value of a series, named as it is exposed; undefined when it is not. */
		metric: async (series: string) => {
			const lines = (await textOf("/metrics")).split("\n");
			const line = lines.find((one) => one.startsWith(`${series} `));
			return line === undefined ? undefined : Number(line.slice(series.length));
		},
		/** Ends the sidecar on purpose, as a rollout does. */
		stop,
		metrics: () => textOf("/metrics"),
		...{ lease, leasePath: pathOf, armed, lines, folder, transport },
	};
}

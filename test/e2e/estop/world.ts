import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { estopNodeEnv, estopNodeFlags } from "../../../crds/estop-daemonset.ts";
import { estopAnnotations, estopLeaseName } from "../../../crds/estop-lease.ts";
import { estopAccount, operatorNamespace } from "../../../crds/roles.ts";
import type { TradingSafety } from "../../../crds/types.ts";
import { type HidGuest, hostAddress } from "../../../dev/hid-guest/guest.ts";
import type { GuestDevice } from "../../../dev/hid-guest/protocol.ts";
import { deskPath } from "../../../operator/resources.ts";
import { reportDescriptor } from "../../../sidecar/devices/estop-box-wire.ts";
import { leasePath } from "../../../sidecar/paths.ts";
import { boxInfo } from "../../../sidecar/testing/virtual-box.ts";
import { TestDesk, target } from "../../operator/desk.ts";
import { follow } from "../../support/follow.ts";
import { until } from "../../support/until.ts";

const main = fileURLToPath(new URL("../../../sidecar/main.ts", import.meta.url));
const starver = fileURLToPath(new URL("starve.ts", import.meta.url));
const httpPort = 8081;

type Trip = NonNullable<TradingSafety["spec"]["trip"]>;

/** A reference box as the kernel of a guest is to see it. */
export function boxOf(serial: string): GuestDevice {
	const { product, vendorId, productId } = boxInfo(serial);
	return { serial, product, vendorId, productId, descriptor: Buffer.from(reportDescriptor).toString("hex") };
}

/** A desk that pins boxes by their serials, in Pause: nobody but a sidecar looks after it. */
export async function pinningDesk(t: ExecutionContext, serials: readonly string[], estop: object = {}) {
	const desk = await TestDesk.create(t);
	const devices = serials.map((serial) => {
		const { product, descriptorHash } = boxInfo(serial);
		return { serial, product, descriptorHash };
	});
	const made = await desk.govern({
		mode: "Pause",
		targets: [target("bots", "Strategy")],
		estop: { devices, ...estop },
	});
	const trips: Trip[] = [];
	const ended = new AbortController();
	const path = deskPath(desk.namespace).split("/").slice(0, -1).join("/");
	const following = follow({
		...{ client: desk.admin, path, from: made.metadata.resourceVersion ?? "", signal: ended.signal },
		list: () => Promise.reject(new Error("the API server has kept no versions")),
		onEvent: (_type, object) => {
			const { trip } = (object as TradingSafety).spec;
			if (trip !== undefined && trip.id !== trips.at(-1)?.id) trips.push(trip);
		},
	});
	t.teardown(async () => {
		ended.abort();
		await following;
	});
	return { desk, trips };
}

/** What the Lease of a device says, by the API server; undefined where there is none. */
export async function leaseOf(desk: TestDesk, serial: string) {
	const path = leasePath(operatorNamespace, estopLeaseName(serial));
	const leases = await desk.admin.list<{
		readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
	}>(leasePath(operatorNamespace));
	const lease = leases.items.find(({ metadata }) => path.endsWith(`/${metadata.name}`));
	return lease?.metadata.annotations;
}

/** Waits until the Lease of a device says that a press of it would get through. */
export async function armed(desk: TestDesk, serial: string): Promise<void> {
	await until(
		`${serial} is armed`,
		async () => {
			const said = await leaseOf(desk, serial);
			if (said?.[estopAnnotations.notArmed] === "" && said[estopAnnotations.ended] === "false") return true;
			throw new Error(JSON.stringify(said));
		},
		{ timeoutMilliseconds: 120_000 },
	);
}

/** The real sidecar with the real node-hid, in a guest. */
export type GuestSidecar = {
	readonly pid: number;
	readonly signal: (signal: NodeJS.Signals) => Promise<void>;
	readonly ended: () => Promise<unknown>;
	readonly fetch: (path: string) => Promise<{ readonly status?: number; readonly text?: string }>;
	readonly lines: () => readonly string[];
};

/** Starts it, with the rights of its account. It is killed when the test ends. `uid`: as this user, not as root. */
export async function startSidecarIn(
	t: ExecutionContext,
	guest: HidGuest,
	desk: TestDesk,
	{ args = [], uid }: { readonly args?: readonly string[]; readonly uid?: number } = {},
): Promise<GuestSidecar> {
	const account = { namespace: operatorNamespace, name: estopAccount };
	const file = await desk.cluster.kubeconfigForServiceAccount(account);
	const config = JSON.parse(readFileSync(file, "utf8"));
	const [{ cluster }] = config.clusters;
	const server = new URL(cluster.server);
	cluster["tls-server-name"] = server.hostname;
	cluster.server = `https://${hostAddress}:${server.port}`;
	// Another user of the guest cannot read what belongs to root of the host.
	const own = `/mnt/kubeconfig-${crypto.randomUUID()}`;
	await guest.ask({ kind: "Write", file: own, text: JSON.stringify(config) });
	const flags = [
		...estopNodeFlags,
		"--import",
		starver,
		main,
		"--kubeconfig",
		own,
		"--http-port",
		String(httpPort),
	];
	const { pid = 0 } = await guest.ask({
		kind: "Start",
		args: [...flags, ...args],
		env: { NODE_COMPILE_CACHE: "/mnt/compiled", ...estopNodeEnv },
		...(uid !== undefined && { uid }),
	});
	const lines = () => guest.linesOf(pid);
	const ended = () =>
		until("the sidecar has ended", () => guest.hasEnded(pid), { timeoutMilliseconds: 60_000 });
	t.teardown(async () => {
		if (!t.passed) console.error(`sidecar in the guest:\n${lines().join("\n")}\n${guest.console()}`);
		if (guest.hasEnded(pid)) return;
		if (!t.passed) console.error(await threadsOf(guest, pid));
		await guest.ask({ kind: "Signal", pid, signal: "SIGKILL" });
		await ended();
	});
	return {
		pid,
		signal: async (signal) => void (await guest.ask({ kind: "Signal", pid, signal })),
		ended,
		fetch: (path) => guest.ask({ kind: "Fetch", port: httpPort, path }),
		lines,
	};
}

/** What each thread of a process waits for, as the kernel says it. */
async function threadsOf(guest: HidGuest, pid: number): Promise<string> {
	const folder = `/proc/${pid}/task`;
	const { names = [] } = await guest.ask({ kind: "Files", folder });
	const read = async (file: string) => (await guest.ask({ kind: "Read", file })).text ?? "";
	const lines = names.map(async (name) => {
		const of = (file: string) => read(`${folder}/${name}/${file}`);
		const [comm, stat, stack] = await Promise.all([of("comm"), of("stat"), of("stack")]);
		return `thread ${name} ${comm.trim()}: ${stat.split(" ").slice(2, 16).join(" ")}\n${stack}`;
	});
	return (await Promise.all(lines)).join("\n");
}

/** Until it is called back, all threads of the pool of a sidecar are busy. */
export async function starve(sidecar: GuestSidecar): Promise<() => Promise<void>> {
	const times = (what: string) => sidecar.lines().filter((line) => line === what).length;
	const [began, over] = [times("starving"), times("fed")];
	await sidecar.signal("SIGUSR2");
	await until("the pool is busy", () => times("starving") > began);
	return async () => {
		await sidecar.signal("SIGUSR2");
		await until("the pool is free", () => times("fed") > over);
	};
}

import test, { type ExecutionContext } from "ava";
import { pino } from "pino";
import { estopAnnotations, estopLeaseName } from "../../crds/estop-lease.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import { parseOptions } from "../../sidecar/options.ts";
import { leasePath } from "../../sidecar/paths.ts";
import { startSidecar } from "../../sidecar/run.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../../sidecar/testing/virtual-transport.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { until } from "../support/until.ts";

type Lease = { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };

/** A desk that pins a box, and the sidecar that has it, with the rights of its account. */
async function startWorld(t: ExecutionContext, serial: string, estop: object = {}) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 2 });
	const info = boxInfo(serial);
	const { product, descriptorHash } = info;
	await desk.govern({
		mode: "Pause",
		targets: [target("bots", "Strategy")],
		estop: { devices: [{ serial, product, descriptorHash }], ...estop },
	});
	const transport = new VirtualTransport();
	const plugged = transport.plug(info);
	const box = new VirtualBox(plugged);
	const account = { namespace: operatorNamespace, name: estopAccount };
	const kubeconfig = await desk.cluster.kubeconfigForServiceAccount(account);
	const lines: string[] = [];
	const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
	const options = parseOptions(["--kubeconfig", kubeconfig, "--http-port", "0"]);
	const sidecar = await startSidecar(options, { transport, log });
	t.teardown(async () => {
		box.hang();
		await sidecar.stop();
		if (!t.passed) console.error(lines.slice(-60).join(""));
	});
	const lease = async () =>
		(await desk.admin.get<Lease>(leasePath(operatorNamespace, estopLeaseName(serial)))).metadata
			.annotations ?? {};
	return { desk, box, plugged, transport, sidecar, lease, info };
}

/** Waits until its Lease says that it is armed. */
async function armed({ lease }: Awaited<ReturnType<typeof startWorld>>): Promise<void> {
	await until("the device is armed", async () => {
		try {
			return (await lease())[estopAnnotations.notArmed] === "";
		} catch {
			return false;
		}
	});
}

test("a press raises the desk, is seen and heard, and stops what nobody else stops", async (t) => {
	// Given a desk in Pause that no operator looks after, with pods, and an armed box
	const world = await startWorld(t, "BOX-PRESS", { directStopAfterSeconds: 0 });
	const { desk, box } = world;
	await armed(world);
	t.is((await desk.get()).spec.mode, "Pause");
	// When it is pressed
	box.press();
	const { spec } = await until("it is raised", async () => {
		const now = await desk.get();
		return now.spec.mode === "Emergency" ? now : undefined;
	});
	// Then the API server has the trip, lights and buzzer say that nothing is confirmed, and the pods are told
	t.like(spec.trip, { source: "BOX-PRESS", type: "Button" });
	await until("it alarms", () => box.shown().light === "Red" && box.shown().buzzer);
	await until("the pods are told to stop", async () =>
		(await desk.pods("bots")).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
	);
	const isDown = async () => (await world.lease())[estopAnnotations.pressed] === "true";
	await until("its Lease says that it is down", isDown);
	// When it is turned free, then nothing is lowered; when it is pressed again, then there is a new trip
	box.release();
	await until("its Lease says so", async () => !(await isDown()));
	t.is((await desk.get()).spec.mode, "Emergency");
	box.press();
	await until("there is another trip", async () => (await desk.get()).spec.trip?.id !== spec.trip?.id);
	t.is((await desk.get()).spec.mode, "Emergency");
});

test("a button that is down when it is first seen is a press", async (t) => {
	// Given a box that is latched and unplugged
	const world = await startWorld(t, "BOX-LATCHED");
	const { desk, box, transport, plugged, info } = world;
	await armed(world);
	box.hang();
	transport.unplug(plugged);
	// When it is plugged in again, still latched
	const again = new VirtualBox(transport.plug(info));
	t.teardown(() => again.hang());
	again.press();
	// Then the desk is raised
	await until("it is raised", async () => (await desk.get()).spec.mode === "Emergency");
	t.pass();
});

test("an open enclosure, and another device in its place, raise to what the desk says", async (t) => {
	const world = await startWorld(t, "BOX-TAMPER", { onTamper: "Reduce" });
	const { desk, box, plugged, transport, info } = world;
	await armed(world);
	box.set({ tamperLoopClosed: false });
	const first = await until("it is raised", async () => {
		const { spec } = await desk.get();
		return spec.mode === "Reduce" ? spec : undefined;
	});
	t.like(first.trip, { type: "Tampered", source: "BOX-TAMPER" });
	await until("it is not armed any more", async () =>
		(await world.lease())[estopAnnotations.notArmed]?.includes("Tampered"),
	);
	// When a box of another serial takes its place
	box.hang();
	transport.unplug(plugged);
	const other = new VirtualBox(transport.plug({ ...info, serial: "BOX-OTHER", path: "/dev/virtual-other" }));
	t.teardown(() => other.hang());
	await until("that is a trip of its own", async () => (await desk.get()).spec.trip?.type === "Impostor");
	t.pass();
});

test("a device that no desk pins raises nothing", async (t) => {
	const world = await startWorld(t, "BOX-PINNED");
	const { desk, transport, box } = world;
	await armed(world);
	const stranger = transport.plug({ ...boxInfo("BOX-STRANGER"), product: "Another product" });
	const strange = new VirtualBox(stranger);
	t.teardown(() => strange.hang());
	await until("it is opened", () => stranger.readers > 0);
	strange.press();
	await until("it shows that it is not armed", () => strange.shown().light === "Yellow");
	t.is((await desk.get()).spec.mode, "Pause");
	t.not(box.shown().light, "Off");
});

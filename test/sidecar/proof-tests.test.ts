import test, { type ExecutionContext } from "ava";
import { pino } from "pino";
import { estopLeaseName, estopAnnotations as names } from "../../crds/estop-lease.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import { parseOptions } from "../../sidecar/options.ts";
import { leasePath } from "../../sidecar/paths.ts";
import { startSidecar } from "../../sidecar/run.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../../sidecar/testing/virtual-transport.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";

type Lease = { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };

const pinOf = (serial: string) => {
	const { product, descriptorHash } = boxInfo(serial);
	return { serial, product, descriptorHash };
};
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

/** A sidecar with boxes of these serials, with the rights of its account. */
async function startBoxes(t: ExecutionContext, desk: TestDesk, serials: readonly string[]) {
	const transport = new VirtualTransport();
	const boxes = new Map(
		serials.map((serial) => [serial, new VirtualBox(transport.plug(boxInfo(serial)))] as const),
	);
	const account = { namespace: operatorNamespace, name: estopAccount };
	const kubeconfig = await desk.cluster.kubeconfigForServiceAccount(account);
	const lines: string[] = [];
	const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
	const options = parseOptions(["--kubeconfig", kubeconfig, "--http-port", "0"]);
	const sidecar = await startSidecar(options, { transport, log });
	t.teardown(async () => {
		for (const box of boxes.values()) box.hang();
		await sidecar.stop();
		if (!t.passed) console.error(lines.slice(-60).join(""));
	});
	const leaseOf = async (serial: string) => {
		const path = leasePath(operatorNamespace, estopLeaseName(serial));
		return (await desk.admin.get<Lease>(path)).metadata.annotations ?? {};
	};
	const says = (serial: string, name: keyof typeof names, wanted: (value: string | undefined) => boolean) =>
		until(`the Lease of ${serial} says ${name}`, async () => {
			const annotations = await leaseOf(serial).catch((error: unknown) => ({ error: String(error) }));
			const value = (annotations as Readonly<Record<string, string>>)[names[name]];
			if (wanted(value)) return true;
			throw new Error(JSON.stringify(annotations));
		});
	for (const serial of serials) await says(serial, "notArmed", (value) => value === "");
	const box = (serial: string) => boxes.get(serial) ?? t.fail(`no box ${serial}`);
	return { box: (serial: string) => box(serial) as VirtualBox, leaseOf, says };
}

test("a lent device raises the drill desk and not the desk that lends it, for its time", async (t) => {
	t.timeout(180_000);
	// Given a desk with two devices, and a drill desk that pins one of them too
	const desk = await TestDesk.create(t);
	const drill = await TestDesk.create(t);
	const govern = (of: TestDesk, ...serials: readonly string[]) =>
		of.govern({
			mode: "Normal",
			targets: [target("bots", "Strategy")],
			estop: { devices: serials.map(pinOf) },
		});
	await govern(desk, "LENT", "STAYS");
	await govern(drill, "LENT");
	const { box, says, leaseOf } = await startBoxes(t, desk, ["LENT", "STAYS"]);
	// When the desk lends one of them for a few seconds
	const lend = (testUntil: string) =>
		desk.patch({ estop: { devices: [{ ...pinOf("LENT"), testUntil }, pinOf("STAYS")] } });
	await lend(inSeconds(15));
	await says("LENT", "testing", (value) => value === desk.namespace);
	t.deepEqual(box("LENT").shown(), { light: "Yellow", rhythm: "Double", buzzer: false });
	// And it is pressed
	box("LENT").press();
	await until("the drill desk is raised", async () => (await drill.get()).spec.mode === "Emergency");
	// Then it is a proof test, and the desk that lends it stays as it was
	await says("LENT", "lastProofTest", (value) => value !== undefined);
	t.is((await desk.get()).spec.mode, "Normal");
	t.is((await leaseOf("STAYS"))[names.lastProofTest], undefined);
	// When nobody has turned it free at the end, then it is a press
	await until("the desk is raised", async () => (await desk.get()).spec.mode === "Emergency");
	t.like((await desk.get()).spec.trip, { source: "LENT", type: "Button" });
	await says("LENT", "testing", (value) => value === "");
});

test("a device is not lent when no other is armed, or when nobody else would be raised", async (t) => {
	t.timeout(180_000);
	// Given a desk that lends its only device to a drill desk, and another that lends one of two to nobody
	const [alone, drill, nobody] = [
		await TestDesk.create(t),
		await TestDesk.create(t),
		await TestDesk.create(t),
	];
	const lent = (serial: string, testUntil = inSeconds(50)) => ({ ...pinOf(serial), testUntil });
	const govern = (of: TestDesk, ...devices: readonly object[]) =>
		of.govern({ mode: "Pause", targets: [target("bots", "Strategy")], estop: { devices } });
	await govern(alone, lent("ALONE"));
	await govern(drill, pinOf("ALONE"));
	await govern(nobody, lent("NOBODY"), pinOf("NOBODY-2"));
	const { box } = await startBoxes(t, alone, ["ALONE", "NOBODY", "NOBODY-2"]);
	// Time enough to find that they are lent, if they were
	const begun = performance.now();
	await until("some seconds have passed", () => performance.now() - begun > 4_000);
	// When they are pressed
	box("ALONE").press();
	box("NOBODY").press();
	// Then those are presses
	await until("it is raised", async () => (await alone.get()).spec.mode === "Emergency");
	await until("it is raised", async () => (await nobody.get()).spec.mode === "Emergency");
	t.pass();
});

test("a press of a desk that is halted and flat is a proof test; a person silences the buzzer", async (t) => {
	t.timeout(180_000);
	// Given a desk in Normal with an operator, whose device is pressed
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1, finalizers: ["tradingsafety.dev/held-by-a-test"] });
	await startReplica(t, desk);
	await desk.govern({
		mode: "Normal",
		targets: [target("bots", "Strategy")],
		estop: { devices: [pinOf("FLAT")], directStopAfterSeconds: 60 },
	});
	await desk.confirmed("Normal");
	const { box, says, leaseOf } = await startBoxes(t, desk, ["FLAT"]);
	box("FLAT").press();
	await until("the buzzer sounds", () => box("FLAT").shown().buzzer);
	t.is(box("FLAT").shown().light, "Red");
	// When somebody silences it, then it is silent and the light is as before
	const lease = leasePath(operatorNamespace, estopLeaseName("FLAT"));
	const annotations = { [names.silence]: "heard by a test" };
	await desk.admin.patch(lease, { metadata: { annotations } }, { type: "merge" });
	await until("it is silent", () => !box("FLAT").shown().buzzer);
	t.deepEqual(box("FLAT").shown(), { light: "Red", rhythm: "Fast", buzzer: false });
	// When it is pressed again, then it sounds again
	box("FLAT").release();
	await says("FLAT", "pressed", (value) => value === "false");
	box("FLAT").press();
	await until("the buzzer sounds again", () => box("FLAT").shown().buzzer);
	t.is((await leaseOf("FLAT"))[names.lastProofTest], undefined, "these presses were no tests");
	// Given that the halt is confirmed
	box("FLAT").release();
	await says("FLAT", "pressed", (value) => value === "false");
	await until("its pods are told to stop", async () => {
		await desk.dropFinalizers();
		return (await desk.pods("bots")).length === 0;
	});
	await desk.confirmed("Emergency");
	await until("the light is steady", () => box("FLAT").shown().rhythm === "Steady");
	const { trip } = (await desk.get()).spec;
	// When it is pressed once more
	box("FLAT").press();
	// Then that is a trip of its own, and a proof test
	await says("FLAT", "lastProofTest", (value) => value !== undefined);
	t.not((await desk.get()).spec.trip?.id, trip?.id);
	// And people read of it
	const events = await until("there are events", async () => {
		const said = (await desk.events()).map(({ reason }) => reason);
		return said.includes("EstopProofTest") ? said : undefined;
	});
	t.true(events.includes("EstopPressed") && events.includes("EstopReleased"));
});

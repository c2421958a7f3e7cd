import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { estopLeaseName, estopAnnotations as names } from "../../crds/estop-lease.ts";
import { operatorNamespace } from "../../crds/roles.ts";
import { isKubeError } from "../../kube/error.ts";
import { atRest } from "../../sidecar/devices/estop-box-wire.ts";
import type { HidInterface } from "../../sidecar/devices/profile.ts";
import { leasePath } from "../../sidecar/paths.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import type { VirtualDevice } from "../../sidecar/testing/virtual-transport.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/until.ts";
import { pinOf, startBoxes } from "./world.ts";

// How a device is, and what is wrong with it, as others see it: the API server, Prometheus, whoever looks at a light.

const bots = [target("bots", "Strategy")];
type Boxes = Awaited<ReturnType<typeof startBoxes>>;

const said = async ({ lease }: Boxes, serial: string) => (await lease(serial)).metadata.annotations ?? {};
/** Waits until an event of the desk says this. */
const told = (desk: TestDesk, reason: string, note: RegExp) =>
	until(`there is an event ${reason} ${note}`, async () => {
		const events = await desk.events();
		if (events.some((event) => event.reason === reason && note.test(event.note ?? ""))) return true;
		throw new Error(JSON.stringify(events.map((event) => [event.reason, event.note])));
	});

test.serial("the Lease of a device says who and how it is, and is renewed each second", async (t) => {
	t.timeout(120_000);
	// Given a box that a desk pins, and one that nobody pins
	const desk = await TestDesk.create(t);
	await desk.govern({ mode: "Normal", targets: bots, estop: { devices: [pinOf("SIGN")] } });
	const begunAt = Date.now();
	const boxes = await startBoxes(t, desk, ["SIGN"]);
	const { transport, lease, armed } = boxes;
	const spare = new VirtualBox(transport.plug(boxInfo("SIGN-SPARE")));
	t.teardown(() => spare.hang());
	await armed("SIGN");
	// Then it names the device, its bus and what it said last
	const { [names.lastReport]: lastReport = "", ...annotations } = await said(boxes, "SIGN");
	t.like(annotations, {
		[names.serial]: "SIGN",
		[names.product]: "E-Stop Box",
		[names.descriptorHash]: pinOf("SIGN").descriptorHash,
		[names.profile]: "estop-box",
		[names.tested]: "Untested",
		[names.interval]: "1",
		[names.speed]: "12",
		[names.pressed]: "false",
		[names.faults]: "",
		[names.testing]: "",
		[names.ended]: "false",
	});
	t.true(Date.parse(lastReport) >= begunAt && Date.parse(lastReport) <= Date.now());
	t.false(names.lastPress in annotations);
	// And moves each second
	const moved: number[] = [];
	let before = "";
	await until("it was renewed six times", async () => {
		const { resourceVersion } = (await lease("SIGN")).metadata;
		if (resourceVersion !== before) moved.push(performance.now());
		before = resourceVersion;
		return moved.length > 6;
	});
	// The first is the one that was there; a busy machine may be late once.
	const mean = ((moved.at(-1) ?? 0) - (moved[1] ?? 0)) / (moved.length - 2);
	t.true(mean > 800 && mean < 3_000, `${mean} ms`);
	// And nobody speaks of the other
	const other = desk.admin.get(leasePath(operatorNamespace, estopLeaseName("SIGN-SPARE")));
	t.true(isKubeError(await t.throwsAsync(other), "NOT_FOUND"));
	// When the box is pressed, then that is there too
	boxes.box("SIGN").press();
	await until("it says so", async () => (await said(boxes, "SIGN"))[names.pressed] === "true");
	await until("it says when", async () => names.lastPress in (await said(boxes, "SIGN")));
});

for (const [fault, begin, end, raisedBy] of [
	[
		"Tampered",
		(box: VirtualBox) => box.set({ tamperLoopClosed: false }),
		(box: VirtualBox) => box.set(atRest),
		"Tampered",
	],
	[
		"Discrepancy",
		(box: VirtualBox) => box.set({ aClosed: false }),
		(box: VirtualBox) => box.set(atRest),
		"Discrepancy",
	],
	["Checksum", damage, () => undefined, undefined],
	["Stale", (box: VirtualBox) => box.hang(), (box: VirtualBox) => box.resume(), undefined],
] as const) {
	test.serial(`${fault}: Lease, event, metric and light say so, and that it is over`, async (t) => {
		t.timeout(120_000);
		// Given an armed box, a press of which raises less than what is wrong with it
		const serial = `FAULT-${fault}`;
		const desk = await TestDesk.create(t);
		const estop = {
			devices: [pinOf(serial)],
			onPress: "Pause",
			onTamper: "Reduce",
			directStopAfterSeconds: 60,
		};
		await desk.govern({ mode: "Normal", targets: bots, estop });
		const boxes = await startBoxes(t, desk, [serial]);
		const { box, metric, problems, ready } = boxes;
		await until("it is armed", ready);
		t.is(await metric(`tradingsafety_estop_armed{serial="${serial}"}`), 1);
		// When that goes wrong
		begin(box(serial));
		// Then everybody is told
		await until("its Lease says so", async () => {
			const annotations = await said(boxes, serial);
			return annotations[names.faults] === fault && annotations[names.notArmed]?.includes(fault);
		});
		t.is(await metric(`tradingsafety_estop_fault{serial="${serial}",fault="${fault}"}`), 1);
		await until("it is not armed", async () => {
			return (await metric(`tradingsafety_estop_armed{serial="${serial}"}`)) === 0;
		});
		t.regex(await problems(), new RegExp(`${serial}: ${fault}`));
		await told(desk, "EstopFault", new RegExp(`^${serial}: ${fault}$`));
		// And the desk is raised where somebody may have laid hands on it, and by nothing else
		if (raisedBy !== undefined) {
			const trip = await until("it is raised", async () => {
				const { spec } = await desk.get();
				return spec.mode === "Reduce" ? spec.trip : undefined;
			});
			t.like(trip, { type: raisedBy, source: serial });
		} else {
			t.is((await desk.get()).spec.mode, "Normal");
			await until("the light says so", () => box(serial).shown().light === "Yellow");
		}
		// When it is over, then that is told as well
		end(box(serial));
		await told(desk, "EstopFaultEnded", new RegExp(`^${serial}: ${fault}$`));
		await boxes.armed(serial);
		t.is(await metric(`tradingsafety_estop_fault{serial="${serial}",fault="${fault}"}`), 0);
	});
}

/** Sends damaged reports for longer than a Lease takes to be written. */
function damage(box: VirtualBox): void {
	let left = 30;
	const timer = setInterval(() => {
		box.sendRaw(new Uint8Array(8));
		left -= 1;
		if (left === 0) clearInterval(timer);
	}, 100);
}

test.serial("what takes the place of a device raises, also where nobody can speak with it", async (t) => {
	t.timeout(120_000);
	// Given an armed box
	const desk = await TestDesk.create(t);
	const estop = { devices: [pinOf("PLACE")], onTamper: "Reduce" };
	await desk.govern({ mode: "Normal", targets: bots, estop });
	const boxes = await startBoxes(t, desk, ["PLACE"]);
	const { transport, metric, problems, device, box } = boxes;
	// And a mouse that has nothing of it
	const mouse = { vendorId: 1, productId: 2, usagePage: 1, usage: 2, product: "Mouse", serial: "" };
	transport.plug({ ...mouse, path: "/dev/virtual-mouse", descriptorHash: "a".repeat(64) });
	// When something comes that has its serial and speaks otherwise
	const evil = transport.plug({
		...boxInfo("PLACE", "/dev/virtual-evil"),
		descriptorHash: "1".repeat(64),
	});
	const first = await until("it is raised", async () => {
		const { spec } = await desk.get();
		return spec.mode === "Reduce" ? spec.trip : undefined;
	});
	// Then that says who, and is named with its remedy
	t.like(first, {
		type: "Impostor",
		source: "PLACE",
		detail: { pinned: "PLACE", differs: "descriptorHash" },
	});
	await told(desk, "EstopImpostor", /PLACE is in the place of PLACE: descriptorHash differ/);
	t.is(await metric(`tradingsafety_estop_impostors_total{namespace="${desk.namespace}"}`), 1);
	t.regex(await problems(), /virtual-evil .*no profile knows it; configure it as a button, or unplug it/);
	// And nobody relies on the box while something else claims to be it
	await until("its Lease says so", async () =>
		/virtual-evil claims to be it/.test((await said(boxes, "PLACE"))[names.notArmed] ?? ""),
	);
	transport.unplug(evil);
	await boxes.armed("PLACE");
	// When the box is gone, and something comes that has its numbers alone
	box("PLACE").hang();
	transport.unplug(device("PLACE"));
	const { vendorId, productId } = boxInfo("PLACE");
	transport.plug({ ...mouse, vendorId, productId, path: "/dev/virtual-toy", descriptorHash: "b".repeat(64) });
	const second = await until("there is another trip", async () => {
		const { trip } = (await desk.get()).spec;
		return trip?.id === first.id ? undefined : trip;
	});
	t.like(second, { type: "Impostor", detail: { pinned: "PLACE" } });
	t.regex(second.detail?.differs ?? "", /serial/);
	// And each of them raised once
	t.is(await metric(`tradingsafety_estop_impostors_total{namespace="${desk.namespace}"}`), 2);
});

test.serial("a button without lights and a light without a button do the work of one box", async (t) => {
	t.timeout(120_000);
	// Given a button that nobody wrote a profile for, pinned, and a blink(1) beside it
	const buttons = join(temporaryFolder(t, "buttons"), "buttons.json");
	const ids = { vendorId: 0x1209, productId: 0x0bad };
	writeFileSync(buttons, JSON.stringify([{ name: "plain", ...ids, offset: 1, mask: 1, active: 1 }]));
	const button: HidInterface = {
		...{ ...ids, path: "/dev/virtual-plain", serial: "PLAIN", product: "Plain", usagePage: 1, usage: 1 },
		...{ descriptorHash: "c".repeat(64), intervalMilliseconds: 8, speed: 1.5 },
	};
	const light: HidInterface = {
		...{ vendorId: 0x27b8, productId: 0x01ed, path: "/dev/virtual-blink", serial: "L", product: "blink(1)" },
		...{ usagePage: 0xff00, usage: 1, descriptorHash: "d".repeat(64) },
	};
	const { serial, product, descriptorHash } = button;
	const desk = await TestDesk.create(t);
	const estop = { devices: [{ serial, product, descriptorHash }], directStopAfterSeconds: 60 };
	await desk.govern({ mode: "Normal", targets: bots, estop });
	const boxes = await startBoxes(t, desk, [], { args: ["--buttons", buttons] });
	// And, at first, neither of them: the process stays up and says what to do
	await until("it says so", async () => /plug in .*PLAIN/.test(await boxes.problems()));
	await until("its log says so", () => boxes.lines.some((line) => /may not get through/.test(line)));
	const lamp = boxes.transport.plug(light);
	await until("it says what is missing, and where", async () =>
		/no device here is pinned by a desk: name one of these in spec.estop.devices: L \(blink\(1\)\)/.test(
			await boxes.problems(),
		),
	);
	// Then it shows that there is no button
	await until("it is yellow, fast", () => rhythmOf(lamp) === "ff9000 fast");
	// When there is one, then it shows how the desk is, which nobody has confirmed
	const plain = boxes.transport.plug(button);
	await boxes.armed("PLAIN");
	t.like(await said(boxes, "PLAIN"), { [names.profile]: "plain", [names.interval]: "8" });
	await until("it is yellow, slow", () => rhythmOf(lamp) === "ff9000 slow");
	// When it is pressed, then the desk is raised and the other device says so
	plain.report(Uint8Array.of(0, 1));
	await until("it is raised", async () => (await desk.get()).spec.mode === "Emergency");
	t.like((await desk.get()).spec.trip, { type: "Button", source: "PLAIN" });
	await until("it is red, fast", () => rhythmOf(lamp) === "ff0000 fast");
	t.is(plain.written.length, 0);
	// When the button is gone, then the light does not promise anything
	boxes.transport.unplug(plain);
	await until("it is yellow, fast", () => rhythmOf(lamp) === "ff9000 fast");
});

/** Colour and rhythm of a blink(1), by the colours that it was told in the last two seconds. */
function rhythmOf({ written }: VirtualDevice): string {
	const colours = written
		.filter(({ data }) => data[1] === "n".charCodeAt(0))
		.slice(-8)
		.map(({ data }) => Buffer.from(data.subarray(2, 5)).toString("hex"));
	const lit = new Set(colours.filter((colour) => colour !== "000000"));
	const changes = colours.filter((colour, index) => index > 0 && colour !== colours[index - 1]).length;
	return `${[...lit].join(" ")} ${changes > 5 ? "fast" : changes > 1 ? "slow" : "steady"}`;
}

import test, { type ExecutionContext } from "ava";
import type { HidInterface } from "../../sidecar/devices/profile.ts";
import { configuredProfiles } from "../../sidecar/devices/profiles.ts";
import { SidecarError } from "../../sidecar/error.ts";
import { Station } from "../../sidecar/station.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../../sidecar/testing/virtual-transport.ts";
import { until } from "../support/until.ts";

/** A station that relies on every device of this product, and what it tells. */
function startStation(t: ExecutionContext, transport: VirtualTransport, buttons: readonly object[] = []) {
	const told: (readonly string[])[] = [];
	const events: string[] = [];
	const station = new Station({
		transport,
		profiles: configuredProfiles(buttons),
		isExpected: ({ product }) => product === "Mine",
		onListed: () => undefined,
		onOpened: ({ info }) => events.push(`opened ${info.serial}`),
		onEvent: ({ kind }, { info }) => events.push(`${kind} ${info.serial}`),
		onDamaged: () => undefined,
		onWriteFailed: () => undefined,
		onLost: ({ info }) => events.push(`lost ${info.serial}`),
		onProblems: (problems) => told.push(problems),
	});
	station.start();
	t.teardown(() => station.stop());
	return { station, events, problem: () => told.at(-1)?.join("; ") ?? "" };
}

const stranger = (rest: Partial<HidInterface> = {}): HidInterface => ({
	...{ ...boxInfo("S"), descriptorHash: "1".repeat(64), path: "/dev/hidraw7", product: "Mine" },
	...rest,
});

test("without a device nothing is wrong, and one that comes is opened", async (t) => {
	const transport = new VirtualTransport();
	const { events, problem } = startStation(t, transport);
	t.is(problem(), "");
	const box = new VirtualBox(transport.plug(boxInfo("LATE")));
	t.teardown(() => box.hang());
	await until("it is opened", () => events.includes("opened LATE"));
});

test("what cannot be opened is named with its remedy, and opened once it can be", async (t) => {
	// Given a box that this process has no right to
	const transport = new VirtualTransport();
	const device = transport.plug(boxInfo("RIGHTS"));
	device.openFails = new SidecarError("OPEN", "/dev/virtual-RIGHTS cannot be opened: no permission");
	const { events, problem } = startStation(t, transport);
	await until("it is told of", () => problem().includes("no permission"));
	t.regex(problem(), /\/dev\/virtual-RIGHTS/);
	// When it gets the right, then it is opened without a sign, and nothing is wrong any more
	device.openFails = undefined;
	await until("it is opened", () => events.includes("opened RIGHTS") && problem() === "");
});

test("a device that somebody relies on and no profile knows is named; keyboards are not", async (t) => {
	const transport = new VirtualTransport();
	transport.plug(stranger({ path: "/dev/hidraw3", product: "Keyboard" }));
	transport.plug(stranger());
	const { station, problem } = startStation(t, transport);
	await until("it is told of", () => problem() !== "");
	t.regex(problem(), /\/dev\/hidraw7 .*no profile knows it; configure it as a button, or unplug it/);
	t.notRegex(problem(), /hidraw3/);
	t.is(station.devices().length, 0);
});

test("where two profiles match neither is used, and both are named", async (t) => {
	const transport = new VirtualTransport();
	const { vendorId, productId } = boxInfo("TWO");
	transport.plug(boxInfo("TWO"));
	const same = { vendorId, productId, offset: 0, mask: 1, active: 1 };
	const { station, problem } = startStation(t, transport, [{ name: "mine", ...same }]);
	await until("it is told of", () => problem() !== "");
	t.regex(problem(), /estop-box and mine match; remove mine from the configuration/);
	t.is(station.devices().length, 0);
});

test("devices that cannot be listed are told of, and found later", async (t) => {
	// Given a system on which node-hid cannot be loaded
	const transport = new VirtualTransport();
	let fails = true;
	const { list } = transport;
	transport.list = async () => {
		if (fails) throw new SidecarError("LIST", "node-hid cannot be loaded: libusb-1.0.so.0");
		return list.call(transport);
	};
	const box = new VirtualBox(transport.plug(boxInfo("LISTED")));
	t.teardown(() => box.hang());
	const { events, problem } = startStation(t, transport);
	await until("it is told of", () => /cannot be listed: .*libusb/.test(problem()));
	fails = false;
	await until("it is opened", () => events.includes("opened LISTED") && problem() === "");
	t.deepEqual(events, ["opened LISTED"]);
});

test("a device that is listed for each of its usages is opened once", async (t) => {
	// Given one whose second usage nobody knows
	const transport = new VirtualTransport();
	const info = boxInfo("USAGES");
	const device = transport.plug(info);
	const box = new VirtualBox(device);
	t.teardown(() => box.hang());
	transport.list = async () => [{ ...info, descriptorHash: "2".repeat(64), product: "Mine", usage: 2 }, info];
	const { events, problem } = startStation(t, transport);
	await until("it is opened", () => events.includes("opened USAGES"));
	t.is(device.readers, 1);
	t.is(problem(), "");
});

import test, { type ExecutionContext } from "ava";
import type { ButtonEvent } from "../../sidecar/button.ts";
import { Device } from "../../sidecar/device.ts";
import { estopBox } from "../../sidecar/devices/estop-box.ts";
import type { Indication, Profile } from "../../sidecar/devices/profile.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../../sidecar/testing/virtual-transport.ts";
import { until } from "../support/until.ts";

const green: Indication = { light: "Green", rhythm: "Steady", buzzer: false };
const alarm: Indication = { light: "Red", rhythm: "Fast", buzzer: true };

/** A reference box that is plugged in and opened. */
async function openBox(t: ExecutionContext, profile: Profile = estopBox) {
	const transport = new VirtualTransport();
	const plugged = transport.plug(boxInfo("BOX-1"));
	const box = new VirtualBox(plugged);
	const events: string[] = [];
	const damaged: string[] = [];
	const failures: unknown[] = [];
	const lost: unknown[] = [];
	const device = await Device.open({
		...{ transport, info: plugged.info, profile },
		onEvent: (event: ButtonEvent) =>
			events.push("fault" in event ? `${event.kind} ${event.fault}` : event.kind),
		onDamaged: (why) => damaged.push(why),
		onWriteFailed: (error) => failures.push(error),
		onLost: (error) => lost.push(error),
	});
	t.teardown(() => {
		box.hang();
		return device.close();
	});
	return { transport, plugged, box, device, events, damaged, failures, lost };
}

test("a press is told in the turn of the loop in which its report comes", async (t) => {
	const { box, events } = await openBox(t);
	box.press();
	t.deepEqual(events, ["Pressed"]);
	// When it is turned free, then it is told a little later, and the next press is another
	box.release();
	await until("it is released", () => events.length === 2);
	box.press();
	t.deepEqual(events, ["Pressed", "Released", "Pressed"]);
});

test("what is wrong with a box is told, and that it is over", async (t) => {
	const { box, events, damaged } = await openBox(t);
	box.set({ tamperLoopClosed: false });
	box.set({ tamperLoopClosed: true });
	t.deepEqual(events.splice(0), ["FaultBegan Tampered", "FaultEnded Tampered"]);
	// One contact alone is a press at once, and a fault when the other does not follow
	box.set({ aClosed: false });
	t.deepEqual(events.splice(0), ["Pressed"]);
	await until("the contacts contradict each other for too long", () => events.length === 1);
	t.deepEqual(events.splice(0), ["FaultBegan Discrepancy"]);
	box.set({ aClosed: true });
	await until("it is released", () => events.includes("Released"));
	events.length = 0;
	for (let count = 0; count < 3; count += 1) box.sendRaw(new Uint8Array(8));
	t.deepEqual(damaged, ["Checksum", "Checksum", "Checksum"]);
	t.deepEqual(events.splice(0), ["FaultBegan Checksum"]);
	box.hang();
	await until("it is silent", () => events.includes("FaultBegan Stale"));
	box.resume();
	await until("it speaks again", () => events.includes("FaultEnded Stale"));
});

test("a box shows what it is told, also for long, and its own alarm when nobody tells it", async (t) => {
	const { box, device } = await openBox(t);
	device.show(green);
	await until("it is green", () => box.shown().light === "Green");
	device.show(alarm);
	await until("it sounds", () => box.shown().buzzer);
	device.show(green);
	const startedAt = performance.now();
	await until("two seconds have passed", () => {
		t.is(box.shown().buzzer && performance.now() - startedAt > 100, false);
		return performance.now() - startedAt > 2_500;
	});
	t.is(box.shown().light, "Green");
	// When nobody feeds it any more, then it says so itself
	await device.close();
	await until("it is alone", () => box.shown().light === "Red" && box.shown().buzzer);
});

test("a write that fails is told and tried again, and the button goes on", async (t) => {
	const { box, plugged, device, failures, events } = await openBox(t);
	plugged.writeFails = new Error("no");
	device.show(green);
	await until("it was tried twice", () => failures.length >= 2);
	box.press();
	t.deepEqual(events, ["Pressed"]);
	plugged.writeFails = undefined;
	await until("it is green", () => box.shown().light === "Green");
});

test("a device that is pulled out is lost once, and says nothing more", async (t) => {
	const { box, plugged, transport, lost, events } = await openBox(t);
	transport.unplug(plugged);
	box.press();
	t.is(lost.length, 1);
	t.deepEqual(events, []);
	t.is(plugged.readers, 0);
});

test("a device that has to be asked is asked, one question at a time", async (t) => {
	// Given a device that answers a feature report, slowly
	const asked: Profile = {
		...estopBox,
		poll: { everyMilliseconds: 5, feature: { id: 0, length: 8 } },
		decode: (report) => ({ kind: "Reading", pressed: report[0] === 1 }),
	};
	const { plugged, events } = await openBox(t, asked);
	let answer = 0;
	plugged.readFeature = () => Uint8Array.of(answer);
	// When its button goes down, then that is a press
	answer = 1;
	await until("it is pressed", () => events.includes("Pressed"));
	t.pass();
});

test.serial("a process that was held up takes no device for stale", async (t) => {
	// Given a box that has reported
	const { events, device } = await openBox(t);
	await until("it has reported", () => device.state.sequence !== undefined);
	// When nothing runs for longer than it may be silent, again and again
	for (let count = 0; count < 3; count += 1) {
		const end = performance.now() + 450;
		while (performance.now() < end);
		const { sequence } = device.state;
		await until("it has reported again", () => device.state.sequence !== sequence);
	}
	// Then it is not to blame
	t.deepEqual(events, []);
});

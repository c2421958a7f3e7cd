import test from "ava";
import { estopAnnotations as names } from "../../crds/estop-lease.ts";
import { type HidGuest, startHidGuest } from "../../dev/hid-guest/guest.ts";
import { atRest, pressedDown } from "../../sidecar/devices/estop-box-wire.ts";
import { until } from "../support/until.ts";
import {
	armed,
	boxOf,
	type GuestSidecar,
	leaseOf,
	pinningDesk,
	startSidecarIn,
	starve,
} from "./estop/world.ts";

// The real sidecar with the real node-hid, in a guest whose kernel has HID devices that are played to it by uhid; the
// API server is that of the host, and it is the judge. Times in there mean nothing: its processor is emulated.

let guest: HidGuest;
test.before("a guest boots", async (t) => {
	t.timeout(600_000);
	guest = await startHidGuest((what) => t.log(what));
});
test.after.always("it ends", () => guest?.stop());

const press = (serial: string) => guest.ask({ kind: "Contacts", serial, contacts: pressedDown });
const release = (serial: string) => guest.ask({ kind: "Contacts", serial, contacts: atRest });
const shown = async (serial: string) => (await guest.ask({ kind: "Shown", serial })).indication;
const patience = { timeoutMilliseconds: 60_000 };
/** Turns it free, and waits until the sidecar has seen that: a contact that closes before that was never open. */
const free = async (serial: string, sidecar: GuestSidecar) => {
	// Only the last lines are kept, and what is told of a press may come after its release.
	const last = () => sidecar.lines().findLast((line) => line.includes('"msg":"released"'));
	const before = last();
	await release(serial);
	const isFree = () => last() !== undefined && last() !== before;
	await until("the release is seen", isFree, patience);
};
/** Time for something to happen that must not. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

test.serial("a press of a device of the kernel raises, and the lights of the device say so", async (t) => {
	t.timeout(300_000);
	// Given a box at the kernel of the guest and a sidecar that says that it is armed
	const { desk, trips } = await pinningDesk(t, ["G-PRESS"]);
	await guest.ask({ kind: "Plug", device: boxOf("G-PRESS") });
	await startSidecarIn(t, guest, desk);
	await armed(desk, "G-PRESS");
	t.like(await leaseOf(desk, "G-PRESS"), { [names.profile]: "estop-box", [names.tested]: "Untested" });
	// When it is pressed
	await press("G-PRESS");
	// Then the API server has the mode and the trip, and the box shows that nobody has confirmed it
	await until("it is raised", async () => (await desk.get()).spec.mode === "Emergency", patience);
	t.like(trips, [{ source: "G-PRESS", type: "Button" }]);
	await until("the box alarms", async () => (await shown("G-PRESS"))?.light === "Red", patience);
	// When it is unplugged and plugged in again, still down, then that is another press
	await guest.ask({ kind: "Unplug", serial: "G-PRESS" });
	await until(
		"its Lease is not renewed any more",
		async () => {
			const before = JSON.stringify(await leaseOf(desk, "G-PRESS"));
			await new Promise((resolve) => setTimeout(resolve, 2_500));
			return before === JSON.stringify(await leaseOf(desk, "G-PRESS"));
		},
		patience,
	);
	await guest.ask({ kind: "Plug", device: boxOf("G-PRESS") });
	await press("G-PRESS");
	await until("there is another trip", () => trips.length >= 2, patience);
	await guest.ask({ kind: "Unplug", serial: "G-PRESS" });
	t.true(trips.every(({ source, type }) => source === "G-PRESS" && type === "Button"));
});

test.serial("two devices are pressed at once: each has its trip", async (t) => {
	t.timeout(300_000);
	const serials = ["G-LEFT", "G-RIGHT"];
	const { desk, trips } = await pinningDesk(t, serials);
	for (const serial of serials) await guest.ask({ kind: "Plug", device: boxOf(serial) });
	await startSidecarIn(t, guest, desk);
	for (const serial of serials) await armed(desk, serial);
	// When both are pressed
	await Promise.all(serials.map(press));
	// Then the API server saw a trip of each
	await until(
		"both are seen",
		() => serials.every((serial) => trips.some(({ source }) => source === serial)),
		patience,
	);
	t.is((await desk.get()).spec.mode, "Emergency");
	for (const serial of serials) await guest.ask({ kind: "Unplug", serial });
});

test.serial("another device in the place of the pinned one is told of", async (t) => {
	t.timeout(300_000);
	// Given a desk that pins a box which is there
	const { desk, trips } = await pinningDesk(t, ["G-MINE"], { onTamper: "Reduce" });
	await guest.ask({ kind: "Plug", device: boxOf("G-MINE") });
	await startSidecarIn(t, guest, desk);
	await armed(desk, "G-MINE");
	// When it goes and one of its kind with another serial comes
	await guest.ask({ kind: "Unplug", serial: "G-MINE" });
	await guest.ask({ kind: "Plug", device: boxOf("G-OTHER") });
	// Then that raises as configured, and names both
	await until("it is raised", async () => (await desk.get()).spec.mode === "Reduce", patience);
	t.like(trips.at(-1), { source: "G-OTHER", type: "Impostor", detail: { pinned: "G-MINE" } });
	// And a press of the stranger raises nothing more
	await press("G-OTHER");
	await settle();
	t.is((await desk.get()).spec.mode, "Reduce");
	await guest.ask({ kind: "Unplug", serial: "G-OTHER" });
});

test.serial("a press comes through while every thread of the pool is busy", async (t) => {
	t.timeout(300_000);
	const { desk, trips } = await pinningDesk(t, ["G-BUSY"]);
	await guest.ask({ kind: "Plug", device: boxOf("G-BUSY") });
	const sidecar = await startSidecarIn(t, guest, desk);
	await armed(desk, "G-BUSY");
	const feed = await starve(sidecar);
	// When it is pressed again and again meanwhile
	const presses = 20;
	for (let count = 1; count <= presses; count += 1) {
		await press("G-BUSY");
		await until(`press ${count} is seen`, () => trips.length >= count, patience);
		await free("G-BUSY", sidecar);
	}
	// Then each has come through, while the pool was still busy
	t.is(trips.length, presses);
	await feed();
	await guest.ask({ kind: "Unplug", serial: "G-BUSY" });
});

test.serial(
	"a sidecar that is killed while the button is latched raises again when it is back",
	async (t) => {
		t.timeout(300_000);
		const { desk, trips } = await pinningDesk(t, ["G-KILL"]);
		await guest.ask({ kind: "Plug", device: boxOf("G-KILL") });
		const first = await startSidecarIn(t, guest, desk);
		await armed(desk, "G-KILL");
		// Given it is killed, and then the button is pressed: nobody hears it
		await first.signal("SIGKILL");
		await first.ended();
		await press("G-KILL");
		await settle();
		t.is((await desk.get()).spec.mode, "Pause");
		// And the box itself shows that nobody is there
		await until("the box alarms by itself", async () => (await shown("G-KILL"))?.buzzer === true, patience);
		// When it starts again, then its first report is a press
		await startSidecarIn(t, guest, desk);
		await until("it is raised", async () => (await desk.get()).spec.mode === "Emergency", {
			timeoutMilliseconds: 120_000,
		});
		t.like(trips.at(-1), { source: "G-KILL", type: "Button" });
		await guest.ask({ kind: "Unplug", serial: "G-KILL" });
	},
);

test.serial(
	"without the right to open the device the sidecar says so, stays, and opens it later",
	async (t) => {
		t.timeout(300_000);
		const { desk } = await pinningDesk(t, ["G-RIGHTS"]);
		await guest.ask({ kind: "Plug", device: boxOf("G-RIGHTS") });
		const { names: files = [] } = await guest.ask({ kind: "Files", folder: "/sys/class/hidraw" });
		const [node = ""] = files;
		t.is(files.length, 1);
		// Given a sidecar that is not root
		const sidecar = await startSidecarIn(t, guest, desk, { uid: 65_534 });
		const said = await until(
			"it says what is wrong",
			async () => {
				const { status, text = "" } = await sidecar.fetch("/readyz");
				return status === 503 && text.includes(node) ? text : undefined;
			},
			{ timeoutMilliseconds: 120_000 },
		);
		t.regex(said, /no permission; give this process read and write/);
		t.is((await sidecar.fetch("/healthz")).status, 200);
		// When it gets the right, then it is armed without a restart
		await guest.ask({ kind: "Mode", file: `/dev/${node}`, mode: 0o666 });
		await armed(desk, "G-RIGHTS");
		await guest.ask({ kind: "Unplug", serial: "G-RIGHTS" });
	},
);

test.serial("where a device plugin gave the device, the process ends with it", async (t) => {
	t.timeout(300_000);
	const { desk } = await pinningDesk(t, ["G-PLUGIN"]);
	await guest.ask({ kind: "Plug", device: boxOf("G-PLUGIN") });
	const sidecar = await startSidecarIn(t, guest, desk, { args: ["--exit-on-loss"] });
	await armed(desk, "G-PLUGIN");
	await guest.ask({ kind: "Unplug", serial: "G-PLUGIN" });
	await sidecar.ended();
	// Then its Lease does not say that this was on purpose
	t.is((await leaseOf(desk, "G-PLUGIN"))?.[names.ended], "false");
	t.is(sidecar.lines().at(-1), "ended: exit code 1");
});

test.serial("1,000 presses: each is a trip, in order", async (t) => {
	t.timeout(1_200_000);
	const { desk, trips } = await pinningDesk(t, ["G-MANY"]);
	await guest.ask({ kind: "Plug", device: boxOf("G-MANY") });
	const sidecar = await startSidecarIn(t, guest, desk);
	await armed(desk, "G-MANY");
	// When it is pressed 1,000 times, each as soon as the API server has shown the one before
	for (let count = 1; count <= 1_000; count += 1) {
		await press("G-MANY");
		await until(`press ${count} is seen`, () => trips.length >= count, patience);
		await free("G-MANY", sidecar);
	}
	// Then there are as many trips, none twice, and their times rise
	t.is(trips.length, 1_000);
	t.is(new Set(trips.map(({ id }) => id)).size, 1_000);
	const times = trips.map(({ at }) => Date.parse(at ?? ""));
	t.deepEqual(
		times,
		times.toSorted((a, b) => a - b),
	);
	await guest.ask({ kind: "Unplug", serial: "G-MANY" });
});

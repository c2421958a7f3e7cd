import test from "ava";
import {
	armed,
	type DeviceSeen,
	estopHolds,
	latencyBudget,
	lostTo,
	rolloutSeconds,
} from "../../core/armed.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import { deskOf } from "./desk.ts";

const pin = { serial: "A", product: "Box", descriptorHash: "0".repeat(64) };
const device: DeviceSeen = { ...pin, pressed: false, notArmed: "", silentSeconds: 0.5, ended: false };
const desk = (estop: TradingSafetySpec["estop"] = {}, mode: "Normal" | "Pause" | "Emergency" = "Normal") =>
	deskOf({ mode, estop: { devices: [pin], ...estop } });

test("armed is said only of what each pinned device itself says now", (t) => {
	// Given a desk that pins a device
	const found = (devices: readonly DeviceSeen[] | undefined) => {
		const { status, reason, message } = armed(desk(), devices);
		return `${status} ${reason}: ${message}`;
	};
	// When its Lease says this or that, then the condition does, with the name and the reason
	t.is(found([device]), "True Armed: 1 of 1 devices say so each second: A");
	t.is(found(undefined), "Unknown NotSeen: the Leases of the devices cannot be read");
	t.is(found([]), "False NotArmed: 0 of 1 devices; A: no sidecar has it");
	t.regex(found([{ ...device, silentSeconds: 5.1 }]), /A: its sidecar was silent for more than 5 s/);
	t.regex(found([{ ...device, notArmed: "Tampered" }]), /A: Tampered/);
	t.regex(found([{ ...device, product: "Toy" }]), /A: another device has its serial/);
	t.regex(found([{ ...device, ended: true }]), /A: its sidecar has ended/);
	t.is(armed(deskOf({ mode: "Normal" }), [device]).reason, "NotConfigured");
	t.is(armed(deskOf({ estop: { devices: [pin, { ...pin, serial: "B" }] } }), [device]).status, "False");
});

test("too few armed devices raise, once, and hold; what cannot be seen does not", (t) => {
	// Given a desk that wants one armed device
	const one = desk({ minimumArmed: 1 });
	const gone = { ...device, silentSeconds: 60 };
	// When it is lost, or back, or nobody can tell
	t.is(lostTo(one, [gone]), "Pause");
	t.is(lostTo(one, []), "Pause");
	t.is(lostTo(one, [device]), undefined);
	t.is(lostTo(one, undefined), undefined);
	t.is(lostTo(desk(), []), undefined);
	// Then it is raised to what it says, and never lowered
	t.is(lostTo(desk({ minimumArmed: 1, onLost: "Emergency" }, "Pause"), [gone]), "Emergency");
	t.is(lostTo(desk({ minimumArmed: 1 }, "Emergency"), [gone]), undefined);
	t.is(lostTo(desk({ minimumArmed: 1, onLost: "Normal" }), [gone]), undefined);
	t.deepEqual(
		estopHolds(desk({ minimumArmed: 1 }, "Pause"), [gone]).map(({ name }) => name),
		["EstopLost"],
	);
	// And a rollout is no loss, for a while
	const ended = { ...device, ended: true };
	t.is(lostTo(one, [{ ...ended, silentSeconds: rolloutSeconds }]), undefined);
	t.is(lostTo(one, [{ ...ended, silentSeconds: rolloutSeconds + 1 }]), "Pause");
});

test("a button that is down holds, and a slow one is named", (t) => {
	t.deepEqual(
		estopHolds(desk(), [{ ...device, pressed: true }]).map(({ name }) => name),
		["EstopPressed/A"],
	);
	t.deepEqual(estopHolds(desk(), [device]), []);
	t.is(latencyBudget(desk(), [{ ...device, intervalMilliseconds: 1 }]).status, "True");
	const slow = latencyBudget(desk(), [{ ...device, intervalMilliseconds: 10 }]);
	t.is(slow.status, "False");
	t.regex(slow.message, /A every 10 ms/);
	t.is(latencyBudget(desk(), [device]).status, "Unknown");
	t.is(latencyBudget(desk(), undefined).status, "Unknown");
});

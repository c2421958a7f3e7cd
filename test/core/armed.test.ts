import test from "ava";
import {
	armed,
	type DeviceSeen,
	estopHolds,
	latencyBudget,
	lostTo,
	proofTested,
	rolloutSeconds,
} from "../../core/armed.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import { deskOf } from "./desk.ts";

const pin = { serial: "A", product: "Box", descriptorHash: "0".repeat(64) };
const device: DeviceSeen = {
	...pin,
	...{ pressed: false, notArmed: "", silentSeconds: 0.5, ended: false, testing: [], untested: false },
};
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
	t.is(found([{ ...device, untested: true }]), "True Armed: 1 of 1 devices say so each second: A (untested)");
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

test("a device that is tested is not armed for the desk that lends it, and counts as there", (t) => {
	// Given a desk with two devices that wants both, one of them lent
	const lending = desk({ devices: [pin, { ...pin, serial: "B" }], minimumArmed: 2 });
	const testing = [lending.metadata.namespace ?? ""];
	const devices = [
		{ ...device, testing },
		{ ...device, serial: "B" },
	];
	// Then Armed says so, and nothing is raised
	t.like(armed(lending, devices), { status: "False", reason: "NotArmed" });
	t.regex(armed(lending, devices).message, /A: it is being tested/);
	t.is(lostTo(lending, devices), undefined);
});

test("a device that was not tested lately is told of where the desk asks for it", (t) => {
	const now = "2030-03-01T00:00:00Z";
	const asked = desk({ proofTestDays: 30 });
	const at = (lastProofTest: string) => [{ ...device, lastProofTest }];
	// Given a desk that does not ask
	t.is(proofTested(desk(), [device], now), undefined);
	// Then True within its days, False after them and when it never was, Unknown where nobody sees
	t.like(proofTested(asked, at("2030-02-20T00:00:00Z"), now), { status: "True" });
	t.like(proofTested(asked, at("2030-01-20T00:00:00Z"), now), { status: "False", reason: "Overdue" });
	t.like(proofTested(asked, [device], now), { status: "False", reason: "Overdue" });
	t.like(proofTested(asked, at("never"), now), { status: "False" });
	t.like(proofTested(asked, undefined, now), { status: "Unknown" });
});

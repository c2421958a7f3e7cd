import { estopDefaults } from "../crds/defaults.ts";
import type { Hold } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Mode } from "../crds/vocabulary.ts";
import { type Finding, finding } from "./finding.ts";
import { modeOf, rank } from "./modes.ts";

/** An e-stop device as the Lease of its sidecar says it is. */
export type DeviceSeen = {
	readonly serial: string;
	readonly product: string;
	readonly descriptorHash: string;
	readonly pressed: boolean;
	/** Why a press may not get through; empty: it is armed. */
	readonly notArmed: string;
	readonly intervalMilliseconds?: number;
	/** The desks that a press does not raise at this moment. */
	readonly testing: readonly string[];
	/** True where nobody has shown a record of a real one of its kind. */
	readonly untested: boolean;
	/** RFC 3339; absent: never. */
	readonly lastProofTest?: string;
	/** For how long its Lease has stood still, by a monotonic clock of whoever watches it and could read it all the time. */
	readonly silentSeconds: number;
	/** Its sidecar ended on purpose, as in a rollout. */
	readonly ended: boolean;
};

/** A sidecar that ended on purpose is back within this time, or the device counts as lost. */
export const rolloutSeconds = 60;
/** From a press to the host: more than this and the way of a press takes too long. */
const intervalAtMost = 4;

const isTested = "it is being tested, a press raises other desks";

type State = { readonly serial: string; readonly device?: DeviceSeen; readonly why?: string };

/** How each device that a desk pins is. `why`: it is not armed. */
function statesOf({ metadata, spec }: TradingSafety, devices: readonly DeviceSeen[]): readonly State[] {
	const timeout = spec.estop?.heartbeatTimeoutSeconds ?? estopDefaults.heartbeatTimeoutSeconds;
	return (spec.estop?.devices ?? []).map(({ serial, product, descriptorHash }) => {
		const device = devices.find((one) => one.serial === serial);
		if (device === undefined) return { serial, why: "no sidecar has it" };
		if (device.ended) return { serial, device, why: "its sidecar has ended" };
		if (device.silentSeconds > timeout) {
			return { serial, device, why: `its sidecar was silent for more than ${timeout} s` };
		}
		if (device.product !== product || device.descriptorHash !== descriptorHash) {
			return { serial, device, why: "another device has its serial" };
		}
		if (device.testing.includes(metadata.namespace ?? "")) return { serial, device, why: isTested };
		return { serial, device, ...(device.notArmed !== "" && { why: device.notArmed }) };
	});
}

/** Whether a press of each pinned device would get through. `devices`: undefined where nobody can see them now. */
export function armed(desk: TradingSafety, devices: readonly DeviceSeen[] | undefined): Finding {
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding("Armed", status, reason, message);
	const pins = desk.spec.estop?.devices ?? [];
	if (pins.length === 0) return found("False", "NotConfigured", "no e-stop device is configured");
	if (devices === undefined) return found("Unknown", "NotSeen", "the Leases of the devices cannot be read");
	const states = statesOf(desk, devices);
	const not = states.filter(({ why }) => why !== undefined);
	if (not.length === 0) {
		const names = states
			.map(({ serial, device }) => (device?.untested ? `${serial} (untested)` : serial))
			.join(", ");
		return found(
			"True",
			"Armed",
			`${states.length} of ${states.length} devices say so each second: ${names}`,
		);
	}
	const why = not.map(({ serial, why: each }) => `${serial}: ${each}`).join("; ");
	return found("False", "NotArmed", `${states.length - not.length} of ${states.length} devices; ${why}`);
}

/** Whether the hosts of the pinned devices ask them often enough. */
export function latencyBudget(desk: TradingSafety, devices: readonly DeviceSeen[] | undefined): Finding {
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding("LatencyBudget", status, reason, message);
	const pinned = statesOf(desk, devices ?? []).flatMap(({ device }) => device ?? []);
	if (pinned.length === 0) return found("Unknown", "NotSeen", "no device is in sight");
	const slow = pinned.filter(({ intervalMilliseconds = 0 }) => intervalMilliseconds > intervalAtMost);
	if (slow.length > 0) {
		const each = slow.map((device) => `${device.serial} every ${device.intervalMilliseconds} ms`).join(", ");
		return found("False", "Slow", `asked too seldom, at most ${intervalAtMost} ms are good: ${each}`);
	}
	const unknown = pinned.filter(({ intervalMilliseconds }) => intervalMilliseconds === undefined);
	return unknown.length > 0
		? found(
				"Unknown",
				"NotKnown",
				`nobody knows how often ${unknown.map(({ serial }) => serial).join(", ")} is asked`,
			)
		: found("True", "Fast", `each device is asked every ${intervalAtMost} ms or more often`);
}

/**
 * Whether a press of each pinned device was seen to come through, lately enough; undefined where the desk does not ask
 * for that. What nobody presses nobody knows (IEC 61508-4, proof test).
 */
export function proofTested(
	desk: TradingSafety,
	devices: readonly DeviceSeen[] | undefined,
	now: string,
): Finding | undefined {
	const days = desk.spec.estop?.proofTestDays;
	if (days === undefined) return undefined;
	const states = statesOf(desk, devices ?? []);
	const oldest = Date.parse(now) - days * 86_400_000;
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding("ProofTested", status, reason, message);
	if (devices === undefined || states.length === 0)
		return found("Unknown", "NotSeen", "no device is in sight");
	const overdue = states.filter(({ device }) => !(Date.parse(device?.lastProofTest ?? "") >= oldest));
	const last = ({ serial, device }: State) => `${serial} ${device?.lastProofTest ?? "never"}`;
	return overdue.length > 0
		? found("False", "Overdue", `no proof test in ${days} days: ${overdue.map(last).join(", ")}`)
		: found("True", "Tested", `in the last ${days} days: ${states.map(last).join(", ")}`);
}

/** A button that is down forbids lowering: somebody means it. So do too few devices: the desk would be raised again. */
export function estopHolds(desk: TradingSafety, devices: readonly DeviceSeen[] | undefined): readonly Hold[] {
	const pressed = statesOf(desk, devices ?? [])
		.filter(({ device }) => device?.pressed === true)
		.map(({ serial }) => ({
			name: `EstopPressed/${serial}`,
			message: `the button of ${serial} is down: turn it free where it is`,
		}));
	const { minimumArmed, onLost } = { ...estopDefaults, ...desk.spec.estop };
	const message = `fewer than ${minimumArmed} e-stop devices are armed, which raises to ${onLost}: arm one`;
	return isShort(desk, devices) && onLost !== "Normal"
		? [...pressed, { name: "EstopLost", message }]
		: pressed;
}

/**
 * The mode to raise to now because fewer devices are armed than the desk asks for; undefined where enough are, where it
 * is that severe already, or where they cannot be seen: that says nothing about them.
 */
export function lostTo(desk: TradingSafety, devices: readonly DeviceSeen[] | undefined): Mode | undefined {
	const { onLost } = { ...estopDefaults, ...desk.spec.estop };
	return isShort(desk, devices) && rank(modeOf(desk.spec.mode)) < rank(onLost) ? onLost : undefined;
}

function isShort(desk: TradingSafety, devices: readonly DeviceSeen[] | undefined): boolean {
	const { minimumArmed } = { ...estopDefaults, ...desk.spec.estop };
	if (devices === undefined) return false;
	const counted = statesOf(desk, devices).filter(
		({ why, device }) =>
			why === undefined ||
			why === isTested ||
			(device?.ended === true && device.silentSeconds <= rolloutSeconds),
	);
	return counted.length < minimumArmed;
}

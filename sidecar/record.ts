import type { Happening } from "../audit/recorder.ts";
import type { Pod } from "../core/observed.ts";
import type { TradingSafety } from "../crds/types.ts";
import { deskName, type Mode } from "../crds/vocabulary.ts";
import type { BotOutcome } from "./bots.ts";
import type { Fault } from "./button.ts";
import type { Device } from "./device.ts";
import type { DeskRaise } from "./unshown.ts";

// What happens at a button and after it, as entries of the record say it. Whatever a device or a person sent is cut to what an
// entry may hold.

type Known = Pick<Device, "info" | "profile">;
type Values = Readonly<Record<string, string>>;

/** What came of a press at once. */
export type Press = {
	readonly raised: readonly DeskRaise[];
	/** A proof test: the desks that it raises are a drill, or halted and flat. */
	readonly isProof: boolean;
	/** The desks that lend the device and are not raised. */
	readonly lentBy: readonly string[];
};

const sidecar: Happening["actor"] = { name: "tradingsafety-estop" };
// An entry has at most 60 kB, and the worst character takes six bytes.
const mostText = 1_000;
/** Each raise has an entry of its own beside the list. */
const mostRaises = 40;
/** A name, a mode and a UUID. */
const mostRaiseText = 120;
const mostDetails = 8;
const mostDetailText = 300;

/** Somebody pressed. */
export function pressed(device: Known, { raised, isProof, lentBy }: Press): Happening {
	const list = raised
		.slice(0, mostRaises)
		.map(({ namespace, raise }, at) => [
			`raised.${at}`,
			clipped(`${namespace} ${raise.mode} ${raise.trip.id}`, mostRaiseText),
		]);
	return ofDevice(device, "Trip", "Pressed", {
		raised: String(raised.length),
		...Object.fromEntries(list),
		isProof: String(isProof),
		...(lentBy.length > 0 && { lentBy: lentBy.join() }),
	});
}

/** It was turned free. */
export function released(device: Known): Happening {
	return ofDevice(device, "Device", "Released");
}

/** Something is wrong with it. */
export function faultBegan(device: Known, fault: Fault): Happening {
	return ofDevice(device, "Device", "FaultBegan", { fault });
}

/** It is not any more. */
export function faultEnded(device: Known, fault: Fault): Happening {
	return ofDevice(device, "Device", "FaultEnded", { fault });
}

/** It was plugged in, or was there when this process began. */
export function opened(device: Known): Happening {
	return ofDevice(device, "Device", "Opened", { product: device.info.product });
}

/** It is gone. */
export function lost(device: Known, why: string): Happening {
	return ofDevice(device, "Device", "Lost", { why });
}

/** A press of it would get through, or would not. */
export function armedOrNot(device: Known, notArmed: readonly string[]): Happening {
	return notArmed.length === 0
		? ofDevice(device, "Device", "Armed")
		: ofDevice(device, "Device", "NotArmed", { why: notArmed.join("; ") });
}

/** The press was a proof test, and these desks showed it. */
export function cameThrough(device: Known, { raised }: Press): Happening {
	const trips = raised.map(({ namespace, raise }) => `${namespace} ${raise.trip.id}`);
	return ofDevice(device, "ProofTest", "CameThrough", { shown: trips.join("; ") });
}

/** Somebody silenced the buzzer: who, is what they wrote, and what the API server knows. */
export function silenced(serial: string, note: string): Happening {
	return {
		...{ kind: "Device", action: "BuzzerSilenced", actor: { name: "unknown", via: "a note on the Lease" } },
		...{ entity: { type: "Device", id: word(serial) }, metadata: cut({ note }) },
	};
}

/** A desk is asked to be raised; `again`: by a process that found it on its disk. */
export function raising(
	{ namespace, raise }: DeskRaise,
	known: TradingSafety | undefined,
	again: boolean,
): Happening {
	const { mode, trip } = raise;
	const detail = Object.entries(trip.detail ?? {}).slice(0, mostDetails);
	const details = detail.map(([name, value]) => [`detail.${name}`, clipped(value, mostDetailText)]);
	return {
		...{ kind: "Trip", action: again ? "RaisedAgain" : "Raised", entity: deskEntity(namespace, known) },
		actor: { name: word(trip.source), via: word(trip.type) },
		...(known !== undefined && { before: stateOf(known) }),
		after: { values: cut({ mode }) },
		metadata: cut({ trip: trip.id, type: trip.type, at: trip.at, ...Object.fromEntries(details) }),
	};
}

/** The API server shows the raise, so long after it was asked for. */
export function shown({ namespace, raise }: DeskRaise, desk: TradingSafety, milliseconds: number): Happening {
	const { mode, trip } = raise;
	return {
		...{ kind: "Trip", action: "RaiseShown", actor: sidecar, entity: deskEntity(namespace, desk) },
		after: stateOf(desk),
		metadata: cut({ trip: trip.id, mode, milliseconds: milliseconds.toFixed(1) }),
	};
}

/** What bots that were told straight have answered; a second entry names those that never did. */
export function botsTold(
	namespace: string,
	mode: Mode,
	outcomes: readonly BotOutcome[],
): readonly Happening[] {
	const common = { actor: sidecar, entity: deskEntity(namespace, undefined) };
	const times = outcomes.flatMap((one) => (one.kind === "Acknowledged" ? [one.milliseconds] : []));
	const podsOf = (kind: BotOutcome["kind"]) =>
		outcomes.flatMap((one) => (one.kind === kind ? [one.pod.name] : []));
	const [silent, ended] = [podsOf("Silent"), podsOf("Ended")];
	const told = cut({
		...{ mode, told: String(outcomes.length), acknowledged: String(times.length) },
		...(times.length > 0 && { slowestMilliseconds: Math.max(...times).toFixed(1) }),
		...(ended.length > 0 && { endedBefore: ended.join() }),
	});
	const missing = cut({ mode, count: String(silent.length), pods: silent.join() });
	return [
		{ kind: "Trip", action: "BotsTold", ...common, metadata: told },
		...(silent.length === 0
			? []
			: [{ kind: "Claim", action: "NotAcknowledged", ...common, metadata: missing } as const]),
	];
}

/** Nobody told the pod to stop: the sidecar did. */
export function podDeleted(namespace: string, { name, uid }: Pick<Pod, "name" | "uid">): Happening {
	return {
		...{ kind: "Trip", action: "PodDeleted", actor: sidecar },
		entity: { type: "Pod", id: word(`${namespace}/${name}`), uid: word(uid) },
	};
}

function ofDevice(
	{ info, profile }: Known,
	kind: Happening["kind"],
	action: string,
	more: Values = {},
): Happening {
	const { serial, descriptorHash, path } = info;
	return {
		...{ kind, action, actor: { name: word(serial), via: word(profile.name) } },
		entity: {
			...{ type: "Device", id: word(serial) },
			...(descriptorHash !== "" && { uid: word(descriptorHash) }),
		},
		metadata: cut({ ...{ path, profile: profile.name, tested: profile.abilities.tested }, ...more }),
	};
}

function deskEntity(namespace: string, desk: TradingSafety | undefined): Happening["entity"] {
	const uid = desk?.metadata.uid;
	return {
		...{ type: "TradingSafety", id: word(`${namespace}/${deskName}`) },
		...(uid !== undefined && { uid: word(uid) }),
	};
}

function stateOf({ metadata, spec }: TradingSafety): NonNullable<Happening["after"]> {
	const { generation, resourceVersion } = metadata;
	const { mode, trip } = spec;
	return {
		...(generation !== undefined && { generation }),
		...(resourceVersion !== undefined && { resourceVersion }),
		values: cut({
			...(mode !== undefined && { mode }),
			...(trip?.id !== undefined && { trip: trip.id }),
		}),
	};
}

/** Text that may stand where an entry wants a name. */
function word(text: string): string {
	return clipped(text, 253) || "unknown";
}

function cut(values: Values): Record<string, string> {
	return Object.fromEntries(
		Object.entries(values).map(([name, value]) => [clipped(name, 63), clipped(value, mostText)]),
	);
}

function clipped(text: string, most: number): string {
	return text.toWellFormed().slice(0, most).toWellFormed();
}

import { isUtf8 } from "node:buffer";
import { AuditError } from "./error.ts";
import { canonical, parseCanonical } from "./format/canonical.ts";
import { closed, count, list, named, oneOf, optional, type Shaped, text } from "./format/shape.ts";

/** What an entry is about. A closed list: what has no word here is not written. */
export const entryKinds = [
	/** A component began, and what it is. */
	"Started",
	/** It ended on purpose. */
	"Stopped",
	/** It lives; the next one is promised within `metadata.nextWithinSeconds`. */
	"Heartbeat",
	/** A stage of a change from one state to another. */
	"Transition",
	/** Somebody did something by hand. Needs justification, before and after. */
	"Intervention",
	/** A button, a limit or a rule halted something. */
	"Trip",
	/** A device came, went, failed or recovered. */
	"Device",
	/** Somebody asked for, or agreed to, leaving a halt. */
	"Reset",
	/** Somebody went past a rule that they may go past. Needs justification. */
	"Override",
	/** A setting changed. */
	"Configuration",
	/** A right, a role or a policy changed. */
	"Access",
	/** Somebody's claim was missing, or contradicted what was seen. */
	"Claim",
	/** Something was tried and refused. */
	"Denied",
	/** A drill began or ended. */
	"Drill",
	/** A device was tested. */
	"ProofTest",
	/** A rule of the record itself was not kept, and why. */
	"Exception",
	/** The record was verified, and what came out. */
	"Verification",
	/** A key signs from the next entry on; see key-entries.ts. */
	"KeyAdded",
	/** A key does not sign from `metadata.fromIndex` on, or from the next entry on. */
	"KeyRevoked",
	/** A spool was found damaged, and what was done. */
	"SpoolRecovered",
	/** The clock was set. */
	"ClockStepped",
] as const;

/** One of {@link entryKinds}. */
export type EntryKind = (typeof entryKinds)[number];

/** Bytes of the largest entry. */
export const mostEntryBytes = 60_000;

const word = (most: number) => text(1, most);
const values = named(text(1, 63), text(0, 4_096));
const state = closed({
	generation: optional(count),
	resourceVersion: optional(word(64)),
	values: optional(values),
});

const shape = closed({
	/** Of this schema. */
	version: oneOf(1),
	/** The log that it is for. */
	log: word(253),
	/** UUID. */
	id: text(36, 36, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
	kind: oneOf(...entryKinds),
	/** Who wrote it. The counter has no gaps within an epoch, and an epoch is one life of a spool. */
	writer: closed({ id: word(253), epoch: word(63), counter: count }),
	time: closed({
		/** UTC, RFC 3339, with microseconds. */
		wall: text(27, 27, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
		/** Nanoseconds since `boot` began. */
		monotonic: text(1, 20, /^(0|[1-9][0-9]{0,19})$/),
		/** Which run of the machine: monotonic times of another one cannot be compared. */
		boot: word(63),
		/** What the wall clock was last compared with. */
		source: word(63),
		/** How far it may be off; absent when nobody knows. */
		errorMicroseconds: optional(count),
	}),
	actor: closed({
		name: word(253),
		uid: optional(word(253)),
		groups: optional(list(word(253), 64)),
		/** By what: a program, a device. */
		via: optional(word(253)),
	}),
	/** What it is about. */
	entity: closed({ type: word(63), id: word(253), uid: optional(word(253)) }),
	action: word(128),
	justification: optional(word(4_096)),
	before: optional(state),
	after: optional(state),
	changes: optional(
		list(
			closed({
				path: word(512),
				/** JSON. */
				from: optional(text(0, 4_096)),
				to: optional(text(0, 4_096)),
			}),
			64,
		),
	),
	metadata: optional(values),
	/** What lies beside the log. */
	evidence: optional(
		list(closed({ name: word(253), sha256: text(64, 64, /^[0-9a-f]{64}$/), bytes: count }), 64),
	),
});

/** One entry of the record. Numbers are safe integers; what may be larger is text. */
export type Entry = Shaped<typeof shape>;

/** What an entry of this kind cannot be without. */
const needed: Partial<Record<EntryKind, readonly (keyof Entry)[]>> = {
	Intervention: ["justification", "before", "after"],
	Override: ["justification"],
	Heartbeat: ["metadata"],
};

/** Why this is no entry; undefined: it is one. */
function problemOf(value: unknown): string | undefined {
	const problem = shape(value);
	if (problem !== undefined) return `${problem.place || "it"} ${problem.why}`;
	const entry = value as Entry;
	const missing = (needed[entry.kind] ?? []).find((name) => entry[name] === undefined);
	if (missing !== undefined) return `an entry of kind ${entry.kind} needs ${missing}`;
	if (Number.isNaN(Date.parse(entry.time.wall))) return "/time/wall is no time";
	return undefined;
}

/** The canonical bytes of an entry: made once, then signed, and never made again. Throws `ENTRY` naming what is wrong. */
export function encodeEntry(entry: Entry): Buffer {
	const problem = problemOf(entry);
	if (problem !== undefined) throw new AuditError("ENTRY", `this cannot be recorded: ${problem}`);
	const text = canonical(entry);
	// Outside the pool of Node.js: it is kept for as long as the store is away, and would keep what lies beside it.
	const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
	bytes.write(text);
	if (bytes.length > mostEntryBytes) {
		throw new AuditError(
			"ENTRY",
			`this cannot be recorded: it has ${bytes.length} bytes, and ${mostEntryBytes} is the most; put what is large beside it, as evidence`,
		);
	}
	return bytes;
}

/** Reads an entry. Throws `FORMAT` for bytes that are not canonical, `ENTRY` for what is no entry. */
export function decodeEntry(bytes: Uint8Array): Entry {
	if (bytes.length > mostEntryBytes) throw new AuditError("FORMAT", `an entry of ${bytes.length} bytes`);
	const value = parseCanonical(decodeUtf8(bytes));
	const problem = problemOf(value);
	if (problem !== undefined) throw new AuditError("ENTRY", `this is no entry: ${problem}`);
	return value as Entry;
}

function decodeUtf8(bytes: Uint8Array): string {
	if (!isUtf8(bytes)) throw new AuditError("FORMAT", "these bytes are no UTF-8");
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

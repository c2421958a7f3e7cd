import { isUtf8 } from "node:buffer";
import { type Static, type TProperties, Type } from "typebox";
import { Compile } from "typebox/compile";
import { AuditError } from "./error.ts";
import { canonical, parseCanonical } from "./format/canonical.ts";

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

const closed = <T extends TProperties>(properties: T) =>
	Type.Object(properties, { additionalProperties: false });
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const digits = Type.String({ pattern: "^(0|[1-9][0-9]{0,19})$" });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const named = Type.Record(Type.String({ minLength: 1, maxLength: 63 }), Type.String({ maxLength: 4_096 }));
const hex256 = Type.String({ pattern: "^[0-9a-f]{64}$" });

const state = closed({
	generation: Type.Optional(count),
	resourceVersion: Type.Optional(text(64)),
	values: Type.Optional(named),
});

const schema = closed({
	/** Of this schema. */
	version: Type.Literal(1),
	/** The log that it is for. */
	log: text(253),
	/** UUID. */
	id: Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" }),
	kind: Type.Enum([...entryKinds]),
	/** Who wrote it. The counter has no gaps within an epoch, and an epoch is one life of a spool. */
	writer: closed({ id: text(253), epoch: text(63), counter: count }),
	time: closed({
		/** UTC, RFC 3339, with microseconds. */
		wall: Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$" }),
		/** Nanoseconds since `boot` began. */
		monotonic: digits,
		/** Which run of the machine: monotonic times of another one cannot be compared. */
		boot: text(63),
		/** What the wall clock was last compared with. */
		source: text(63),
		/** How far it may be off; absent when nobody knows. */
		errorMicroseconds: Type.Optional(count),
	}),
	actor: closed({
		name: text(253),
		uid: Type.Optional(text(253)),
		groups: Type.Optional(Type.Array(text(253), { maxItems: 64 })),
		/** By what: a program, a device. */
		via: Type.Optional(text(253)),
	}),
	/** What it is about. */
	entity: closed({ type: text(63), id: text(253), uid: Type.Optional(text(253)) }),
	action: text(128),
	justification: Type.Optional(text(4_096)),
	before: Type.Optional(state),
	after: Type.Optional(state),
	changes: Type.Optional(
		Type.Array(
			closed({
				path: text(512),
				/** JSON. */
				from: Type.Optional(Type.String({ maxLength: 4_096 })),
				to: Type.Optional(Type.String({ maxLength: 4_096 })),
			}),
			{ maxItems: 64 },
		),
	),
	metadata: Type.Optional(named),
	/** What lies beside the log. */
	evidence: Type.Optional(
		Type.Array(closed({ name: text(253), sha256: hex256, bytes: count }), { maxItems: 64 }),
	),
});

/** One entry of the record. Numbers are safe integers; what may be larger is text. */
export type Entry = Static<typeof schema>;

const check = Compile(schema);
/** What an entry of this kind cannot be without. */
const needed: Partial<Record<EntryKind, readonly (keyof Entry)[]>> = {
	Intervention: ["justification", "before", "after"],
	Override: ["justification"],
	Heartbeat: ["metadata"],
};

/** Why this is no entry; undefined: it is one. */
function problemOf(value: unknown): string | undefined {
	if (!check.Check(value)) {
		const [first] = check.Errors(value);
		return first === undefined ? "it does not fit" : `${first.instancePath || "it"} ${first.message}`;
	}
	const entry: Entry = value;
	const missing = (needed[entry.kind] ?? []).find((name) => entry[name] === undefined);
	if (missing !== undefined) return `an entry of kind ${entry.kind} needs ${missing}`;
	if (Number.isNaN(Date.parse(entry.time.wall))) return "/time/wall is no time";
	return undefined;
}

/** The canonical bytes of an entry: made once, then signed, and never made again. Throws `ENTRY` naming what is wrong. */
export function encodeEntry(entry: Entry): Buffer {
	const problem = problemOf(entry);
	if (problem !== undefined) throw new AuditError("ENTRY", `this cannot be recorded: ${problem}`);
	const bytes = Buffer.from(canonical(entry));
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

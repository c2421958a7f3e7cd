import { type TProperties, Type } from "typebox";
import { entryKinds } from "../../audit/entry.ts";

// The schema of entries in JSON Schema, for a library that knows nothing of ours to judge by.

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

export const entrySchema = closed({
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

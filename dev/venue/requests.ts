import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { VenueError } from "./error.ts";
import type { Replacement } from "./exchange.ts";
import { type Order, toTick } from "./order.ts";

const name = Type.String({ minLength: 1, maxLength: 100 });
const quantity = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const price = Type.Number({ exclusiveMinimum: 0, maximum: 1e9 });
const sender = { account: name, instance: name };
const common = {
	...sender,
	clientOrderId: name,
	symbol: name,
	side: Type.Enum(["buy", "sell"]),
	quantity,
	reduceOnly: Type.Optional(Type.Boolean()),
	list: Type.Optional(name),
};

const order = Compile(
	Type.Union([
		Type.Object({ ...common, type: Type.Literal("market") }, { additionalProperties: false }),
		Type.Object({ ...common, type: Type.Literal("stop"), price }, { additionalProperties: false }),
		Type.Object(
			{
				...common,
				type: Type.Literal("limit"),
				price,
				timeInForce: Type.Optional(Type.Enum(["gtc", "ioc"])),
			},
			{ additionalProperties: false },
		),
	]),
);

const replacement = Compile(
	Type.Object({
		...sender,
		clientOrderId: name,
		symbol: name,
		newClientOrderId: name,
		quantity: Type.Optional(quantity),
		price: Type.Optional(price),
	}),
);

const cancel = Compile(Type.Object({ ...sender, clientOrderId: name }));

const cancelAll = Compile(
	Type.Object({
		...sender,
		symbol: Type.Optional(name),
		/** Leaves the orders that can only reduce. */
		keepReduceOnly: Type.Optional(Type.Boolean()),
	}),
);

const faults = Compile(
	Type.Object(
		{
			/** Accounts whose cancels and changes of orders are rejected. */
			rejectCancelsOf: Type.Optional(Type.Array(name)),
			/** Every order of a client is rejected. */
			rejectOrders: Type.Optional(Type.Boolean()),
			/** How late each answer is given; orders are taken at once. */
			answerAfterMilliseconds: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000 })),
		},
		{ additionalProperties: false },
	),
);

/** What the venue does wrong on request. */
export type Faults = ReturnType<typeof readFaults>;

/** Reads an order. Throws `MALFORMED`. */
export const readOrder = (body: string): Order => onTick<Order>(read(body, order));
/** Reads a change of a resting order. Throws `MALFORMED`. */
export const readReplacement = (body: string): Replacement => onTick<Replacement>(read(body, replacement));
/** Reads a cancel. Throws `MALFORMED`. */
export const readCancel = (body: string) => read(body, cancel);
/** Reads a cancel of all. Throws `MALFORMED`. */
export const readCancelAll = (body: string) => read(body, cancelAll);
/** Reads faults. Throws `MALFORMED`. */
export const readFaults = (body: string) => read(body, faults);

function onTick<T extends { readonly price?: number }>(request: T): T {
	return request.price === undefined ? request : { ...request, price: toTick(request.price) };
}

type Reader<T> = {
	readonly Check: (value: unknown) => value is T;
	readonly Errors: (value: unknown) => readonly { readonly instancePath: string; readonly message: string }[];
};

function read<T>(body: string, reader: Reader<T>): T {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch (cause) {
		throw new VenueError("MALFORMED", "the body is not JSON", { cause });
	}
	if (reader.Check(value)) return value;
	const [first] = reader.Errors(value);
	throw new VenueError("MALFORMED", `${first?.instancePath || "/"} ${first?.message ?? "is wrong"}`);
}

import type { Gate } from "./gate.ts";
import type { Permissions } from "./permissions.ts";

/** What a bot holds in one symbol, as its venue told it last. Prices and gains in money. */
export type Holding = {
	readonly symbol: string;
	/** Units; a short position is negative. */
	readonly quantity: number;
	/** Average price of what is held. */
	readonly entry: number;
	/** Price of the resting stop. */
	readonly stop?: number;
	/** Price of the resting take-profit order. */
	readonly target?: number;
	/** In the middle of the last quote. */
	readonly price: number;
	/** Gain of what was closed in this symbol. */
	readonly realised: number;
};

/** What a bot answers to `GET /positions`; docs/positions.md lays it down. */
export type PositionsDocument = {
	readonly account: string;
	/** RFC 3339. */
	readonly asOf: string;
	readonly instance: string;
	readonly epoch: { readonly uid: string; readonly generation: number };
	readonly permissions: Permissions;
	readonly restingOrders: number;
	readonly positions: readonly PositionView[];
};

/** One position. Quantities in units, prices and gains in money. */
export type PositionView = {
	readonly symbol: string;
	readonly side: "long" | "short";
	readonly quantity: number;
	readonly entry: number;
	readonly stop: number | null;
	readonly target: number | null;
	readonly price: number;
	readonly unrealised: number;
	readonly realised: number;
};

/** An account at a venue. `at` in milliseconds since 1970; `restingOrders` with stops and targets. */
export type Book = {
	readonly account: string;
	readonly at: number;
	readonly restingOrders: number;
	readonly held: readonly Holding[];
};

/** What a bot with this gate and these books answers. What is flat is left out. */
export function positionsOf(
	gate: Pick<Gate, "instance" | "epoch" | "permissions">,
	{ account, at, restingOrders, held }: Book,
): PositionsDocument {
	return {
		account,
		asOf: new Date(at).toISOString(),
		instance: gate.instance,
		epoch: gate.epoch,
		permissions: gate.permissions(),
		restingOrders,
		positions: held.filter(({ quantity }) => quantity !== 0).map(viewOf),
	};
}

function viewOf({ symbol, quantity, entry, stop, target, price, realised }: Holding): PositionView {
	return {
		symbol,
		side: quantity > 0 ? "long" : "short",
		quantity: Math.abs(quantity),
		entry,
		stop: stop ?? null,
		target: target ?? null,
		price,
		unrealised: quantity * (price - entry),
		realised,
	};
}

/** Which way an order trades. */
export type Side = "buy" | "sell";

/**
 * What an order does to the risk of its account. `reduces`: it is against the position, and it and what rests beside
 * it do not exceed the position. `opens`: anything else.
 */
export type Effect = "opens" | "reduces";

/** An order as a client sends it. Quantities are whole units, prices multiples of 0.01. */
export type Order = {
	readonly account: string;
	/** Which process sent it. */
	readonly instance: string;
	/** Chosen by the client; unique among the resting orders of the account. */
	readonly clientOrderId: string;
	readonly symbol: string;
	readonly side: Side;
	/** A stop becomes a market order when the market has come to its price. */
	readonly type: "limit" | "market" | "stop";
	readonly quantity: number;
	/** Of limit and stop orders. */
	readonly price?: number;
	/** `ioc`: what does not fill at once is cancelled. Limit orders are `gtc` by default. */
	readonly timeInForce?: "gtc" | "ioc";
	/** Rejected unless it reduces, and lessened with the position. */
	readonly reduceOnly?: boolean;
	/** Orders of one list and side stand in for one another: what one fills, the others lose (FIX: one updates the other). */
	readonly list?: string;
};

/** An order that the venue has taken: `id` grows with time and is its priority, `quantity` is what is left of it. */
export type Live = Order & { readonly id: number; readonly price: number; readonly effect: Effect };

/** Two orders that met, at the price of the one that rested. */
export type Trade = {
	readonly price: number;
	readonly quantity: number;
	readonly maker: Live;
	readonly taker: Live;
};

/** The other side. */
export function opposite(side: Side): Side {
	return side === "buy" ? "sell" : "buy";
}

/** `quantity` as it changes a position: bought is positive. */
export function signed(side: Side, quantity: number): number {
	return side === "buy" ? quantity : -quantity;
}

/** The nearest price that an order can have. */
export function toTick(price: number): number {
	return Math.round(price * 100) / 100;
}

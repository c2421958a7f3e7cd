import type { Side } from "../venue/order.ts";
import type { Quote, SymbolState } from "../venue/snapshot.ts";

/** What a strategy wants done. */
export type Wish =
	| {
			readonly action: "open";
			readonly symbol: string;
			readonly side: Side;
			readonly quantity: number;
			/** At any price, or resting at this one. */
			readonly price?: number;
	  }
	| { readonly action: "close"; readonly symbol: string; readonly quantity: number }
	/** Takes back what rests and could still open. */
	| { readonly action: "cancel"; readonly symbol: string };

/** What a decision is made from. */
export type Situation = {
	readonly quote: Quote;
	/** The mid price of a while ago. */
	readonly earlier: number;
	readonly state: SymbolState;
	/** The most to hold of a symbol. */
	readonly maxPosition: number;
	readonly random: () => number;
};

const largestOrder = 3;

/**
 * Follows the momentum: opens with it and grows, closes a part now and then, and what is beyond the bound. An order that
 * waits to open is taken back after a while.
 */
export function decide({ quote, earlier, state, maxPosition, random }: Situation): Wish {
	const { symbol } = quote;
	const held = Math.abs(state.quantity);
	const quantity = 1 + Math.floor(random() * largestOrder);
	const resting = state.orders
		.filter(({ reduceOnly }) => reduceOnly !== true)
		.reduce((sum, order) => sum + order.quantity, 0);
	if (resting > 0 && random() < 0.1) return { action: "cancel", symbol };
	if (held + resting + quantity > maxPosition && held > 0) {
		return { action: "close", symbol, quantity: Math.min(held, quantity + largestOrder) };
	}
	if (held > 0 && random() < 0.35) return { action: "close", symbol, quantity: Math.min(held, quantity) };
	const momentum: Side = quote.mid >= earlier ? "buy" : "sell";
	const side = held === 0 ? momentum : state.quantity > 0 ? "buy" : "sell";
	const touch = side === "buy" ? quote.bid : quote.ask;
	const rests = resting === 0 && touch !== undefined && random() < 0.1;
	return { action: "open", symbol, side, quantity, ...(rests && { price: touch }) };
}

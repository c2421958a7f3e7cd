import type { Permissions } from "../../permits/permissions.ts";
import type { Quote, SymbolState } from "../venue/snapshot.ts";
import { bracketOf } from "./bracket.ts";

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

/** The positions among what an account has: what is flat is left out. */
export function positionViews(
	states: readonly SymbolState[],
	quoteOf: (symbol: string) => Quote | undefined,
): readonly PositionView[] {
	return states
		.filter(({ quantity }) => quantity !== 0)
		.map((state) => {
			const { symbol, quantity, entry, realised } = state;
			const { stop, target } = bracketOf(state);
			const price = quoteOf(symbol)?.mid ?? entry;
			return {
				symbol,
				side: quantity > 0 ? "long" : "short",
				quantity: Math.abs(quantity),
				entry,
				stop: stop?.price ?? null,
				target: target?.price ?? null,
				price,
				unrealised: quantity * (price - entry),
				realised,
			};
		});
}

/** The orders that rest, stops and targets among them. */
export function restingCount(states: readonly SymbolState[]): number {
	return states.reduce((sum, { orders }) => sum + orders.length, 0);
}

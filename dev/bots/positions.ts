import type { Holding } from "../../permits/positions.ts";
import type { Quote, SymbolState } from "../venue/snapshot.ts";
import { bracketOf } from "./bracket.ts";

/** What an account holds, as its venue told it last. Without a quote a position is worth what it cost. */
export function holdingsOf(
	states: readonly SymbolState[],
	quoteOf: (symbol: string) => Quote | undefined,
): readonly Holding[] {
	return states.map((state) => {
		const { symbol, quantity, entry, realised } = state;
		const { stop, target } = bracketOf(state);
		return {
			...{ symbol, quantity, entry, realised, price: quoteOf(symbol)?.mid ?? entry },
			...(stop?.price !== undefined && { stop: stop.price }),
			...(target?.price !== undefined && { target: target.price }),
		};
	});
}

/** The orders that rest, stops and targets among them. */
export function restingCount(states: readonly SymbolState[]): number {
	return states.reduce((sum, { orders }) => sum + orders.length, 0);
}

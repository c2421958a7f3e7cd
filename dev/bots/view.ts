import type { Quote, SymbolState } from "../venue/snapshot.ts";

/** What a bot knows of its account and of the market: what the venue told last. */
export type View = {
	readonly symbols: () => readonly string[];
	readonly state: (symbol: string) => SymbolState | undefined;
	readonly quote: (symbol: string) => Quote | undefined;
	/** All states, one for each symbol. */
	readonly states: () => readonly SymbolState[];
	/** Takes in a state, unless a newer one is known. */
	readonly takeState: (state: SymbolState) => void;
	readonly takeQuotes: (quotes: readonly Quote[]) => void;
	/** Forgets what is known of the account: a venue that starts anew counts from the beginning. */
	readonly reset: () => void;
};

/** Knows nothing at first. */
export function createView(): View {
	const states = new Map<string, SymbolState>();
	const quotes = new Map<string, Quote>();
	return {
		symbols: () => [...quotes.keys()],
		state: (symbol) => states.get(symbol),
		quote: (symbol) => quotes.get(symbol),
		states: () => [...states.values()],
		takeState(state) {
			if (state.version >= (states.get(state.symbol)?.version ?? 0)) states.set(state.symbol, state);
		},
		takeQuotes(news) {
			for (const quote of news) quotes.set(quote.symbol, quote);
		},
		reset: () => states.clear(),
	};
}

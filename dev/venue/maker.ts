import type { Exchange } from "./exchange.ts";
import { type Order, signed, toTick } from "./order.ts";
import { nextPrice, seededRandom } from "./walk.ts";

/** The account of the venue's own market maker. */
export const makerAccount = "venue-maker";

const levels = 3;
const levelQuantity = 200;
/** From the mid to the best price, and from level to level, in basis points. */
const levelBasisPoints = 2;

/** What the market is like at a moment. */
export type Market = {
	/** The price of the walk, by symbol. */
	readonly mid: (symbol: string) => number;
	/** Walks one step and quotes anew. */
	readonly step: () => void;
};

/**
 * A market maker that keeps both sides of each symbol quoted around a random walk, the same for the same seed.
 * It begins at 100, and has quoted once when this returns.
 */
export function startMaker(exchange: Exchange, seed: number): Market {
	const random = seededRandom(seed);
	const start = 100;
	const mids = new Map(exchange.symbols.map((symbol) => [symbol, start]));
	const market: Market = {
		mid: (symbol) => mids.get(symbol) ?? start,
		step() {
			exchange.cancel(makerAccount, () => true);
			for (const symbol of exchange.symbols) {
				mids.set(symbol, nextPrice(market.mid(symbol), start, random));
			}
			exchange.submitAll(exchange.symbols.flatMap((symbol) => quotesOf(symbol, market.mid(symbol))));
		},
	};
	market.step();
	return market;
}

function quotesOf(symbol: string, mid: number): readonly Order[] {
	return Array.from({ length: 2 * levels }, (_, index) => {
		const side = index % 2 === 0 ? "buy" : "sell";
		const distance = (1 + Math.floor(index / 2)) * levelBasisPoints;
		return {
			account: makerAccount,
			instance: "venue",
			clientOrderId: `quote-${index}`,
			symbol,
			side,
			type: "limit",
			quantity: levelQuantity,
			price: toTick(mid * (1 - signed(side, distance) / 10_000)),
		};
	});
}

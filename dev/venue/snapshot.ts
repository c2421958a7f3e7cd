import { unrealised } from "./account.ts";
import type { Exchange } from "./exchange.ts";
import type { Live, Order } from "./order.ts";

/** A resting order as its owner sees it; `quantity` is what is left. */
export type RestingView = Pick<
	Order,
	"clientOrderId" | "side" | "type" | "quantity" | "price" | "reduceOnly" | "list"
>;

/** What an account has in one symbol at a moment. */
export type SymbolState = {
	readonly symbol: string;
	/** Grows with each change of the account: of two states the higher one is newer. */
	readonly version: number;
	/** Signed. */
	readonly quantity: number;
	readonly entry: number;
	readonly realised: number;
	readonly unrealised: number;
	readonly orders: readonly RestingView[];
};

/** Best prices of a symbol, the price in the middle and the quantity at the best prices. `at`: milliseconds since 1970. */
export type Quote = {
	readonly symbol: string;
	readonly bid?: number;
	readonly ask?: number;
	readonly bidQuantity: number;
	readonly askQuantity: number;
	readonly mid: number;
	readonly at: number;
};

/** What an account has in a symbol; gains and losses that are open at price `mid`. */
export function symbolState(exchange: Exchange, account: string, symbol: string, mid: number): SymbolState {
	const position = exchange.position(account, symbol);
	return {
		symbol,
		version: exchange.version(account),
		...position,
		unrealised: unrealised(position, mid),
		orders: exchange.orders(account, symbol).map(viewOf),
	};
}

/** The market in a symbol. The middle is that of the walk where a side is empty. */
export function quoteOf(exchange: Exchange, symbol: string, walk: number, at: number): Quote {
	const { bids, asks } = exchange.book(symbol);
	const { bid, ask } = exchange.best(symbol);
	const quantityAt = (orders: readonly Live[], price: number | undefined) =>
		orders.reduce((sum, order) => (order.price === price ? sum + order.quantity : sum), 0);
	return {
		symbol,
		...(bid !== undefined && { bid }),
		...(ask !== undefined && { ask }),
		bidQuantity: quantityAt(bids, bid),
		askQuantity: quantityAt(asks, ask),
		mid: bid === undefined || ask === undefined ? walk : (bid + ask) / 2,
		at,
	};
}

function viewOf({ clientOrderId, side, type, quantity, price, reduceOnly, list }: Live): RestingView {
	return {
		clientOrderId,
		side,
		type,
		quantity,
		price,
		...(reduceOnly !== undefined && { reduceOnly }),
		...(list !== undefined && { list }),
	};
}

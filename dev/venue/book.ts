import type { Live, Side, Trade } from "./order.ts";

/** The orders of one symbol that rest: the best price first, and of one price the oldest. */
export type Book = {
	readonly bids: readonly Live[];
	readonly asks: readonly Live[];
	/** Stops that have not triggered, the oldest first. */
	readonly stops: readonly Live[];
};

/** What came of an order that met a book. */
export type Matched = {
	readonly book: Book;
	readonly trades: readonly Trade[];
	/** What is left of the order, whether it rests or not. */
	readonly left: number;
	readonly rests: boolean;
	/** Resting orders that ended without a fill: of the same account, or of a list that another order filled for. */
	readonly cancelled: readonly Live[];
};

/** A book with nothing in it. */
export const emptyBook: Book = { bids: [], asks: [], stops: [] };

/** All that rests. */
export function restingOrders({ bids, asks, stops }: Book): readonly Live[] {
	return [...bids, ...asks, ...stops];
}

/** The best prices; undefined where a side is empty. */
export function bestPrices({ bids, asks }: Book): { readonly bid?: number; readonly ask?: number } {
	const [bid] = bids;
	const [ask] = asks;
	return { ...(bid !== undefined && { bid: bid.price }), ...(ask !== undefined && { ask: ask.price }) };
}

/**
 * Matches a market or limit order by price, then time, and lets what is left of a limit order rest, unless it is
 * immediate-or-cancel. An account does not trade with itself: its resting order is cancelled.
 */
export function match(book: Book, taker: Live): Matched {
	const trades: Trade[] = [];
	const cancelled: Live[] = [];
	let now = book;
	let left = taker.quantity;
	while (left > 0) {
		const [best] = taker.side === "buy" ? now.asks : now.bids;
		if (best === undefined || !crosses(taker, best.price)) break;
		if (best.account === taker.account) {
			now = remove(now, ({ id }) => id === best.id).book;
			cancelled.push(best);
			continue;
		}
		const quantity = Math.min(left, best.quantity);
		trades.push({ price: best.price, quantity, maker: best, taker });
		left -= quantity;
		now = lessen(now, ({ id }) => (id === best.id ? quantity : 0)).book;
		for (const filled of [best, taker]) {
			const without = lessen(now, (order) => (isPartner(order, filled) ? quantity : 0));
			now = without.book;
			cancelled.push(...without.ended);
		}
	}
	const rests = left > 0 && taker.type === "limit" && taker.timeInForce !== "ioc";
	return { book: rests ? insert(now, { ...taker, quantity: left }) : now, trades, left, rests, cancelled };
}

/** Adds a limit order where its price and its age put it, or a stop. It must not cross. */
export function insert(book: Book, order: Live): Book {
	if (order.type === "stop") return { ...book, stops: [...book.stops, order] };
	const side = order.side === "buy" ? "bids" : "asks";
	const behind = book[side].findIndex(({ price }) =>
		order.side === "buy" ? price < order.price : price > order.price,
	);
	const at = behind === -1 ? book[side].length : behind;
	return { ...book, [side]: book[side].toSpliced(at, 0, order) };
}

/** Takes out the orders that are meant. */
export function remove(book: Book, isMeant: (order: Live) => boolean): Lessened {
	return lessen(book, (order) => (isMeant(order) ? order.quantity : 0));
}

/** The oldest stop that the market has come to: to sell when the best bid is at its price or below, and the reverse. */
export function triggeredStop(book: Book): Live | undefined {
	const { bid, ask } = bestPrices(book);
	return book.stops.find(({ side, price }) =>
		side === "sell" ? bid !== undefined && bid <= price : ask !== undefined && ask >= price,
	);
}

/** Lessens the reduce-only orders of an account to what its position leaves to reduce. `position` is signed. */
export function clampReduceOnly(book: Book, account: string, position: number): Lessened {
	return lessen(book, (order) =>
		order.account === account && order.reduceOnly === true
			? order.quantity - Math.min(order.quantity, reducible(position, order.side))
			: 0,
	);
}

/** A book after some orders lost quantity, and the orders that had nothing left. */
export type Lessened = { readonly book: Book; readonly ended: readonly Live[] };

/** Takes from each order what `by` says. */
export function lessen(book: Book, by: (order: Live) => number): Lessened {
	const ended: Live[] = [];
	const side = (orders: readonly Live[]): readonly Live[] => {
		// Mostly nothing changes: no array is made then.
		if (!orders.some((order) => by(order) > 0)) return orders;
		return orders.flatMap((order) => {
			const quantity = order.quantity - by(order);
			if (quantity > 0) return quantity === order.quantity ? [order] : [{ ...order, quantity }];
			ended.push(order);
			return [];
		});
	};
	return { book: { bids: side(book.bids), asks: side(book.asks), stops: side(book.stops) }, ended };
}

function crosses({ type, side, price }: Live, resting: number): boolean {
	if (type === "market") return true;
	return side === "buy" ? price >= resting : price <= resting;
}

function isPartner(order: Live, filled: Live): boolean {
	return (
		order.list !== undefined &&
		order.list === filled.list &&
		order.account === filled.account &&
		order.side === filled.side &&
		order.id !== filled.id
	);
}

function reducible(position: number, side: Side): number {
	return Math.max(0, side === "sell" ? position : -position);
}

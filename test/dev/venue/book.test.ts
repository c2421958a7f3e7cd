import test from "ava";
import fc from "fast-check";
import { type Book, bestPrices, emptyBook, match, remove, restingOrders } from "../../../dev/venue/book.ts";
import type { Live, Trade } from "../../../dev/venue/order.ts";
import { orderOf } from "./client.ts";

// Few prices and accounts: equal ones are where the edges are.
const order = fc.record({
	account: fc.constantFrom("a", "b", "c"),
	side: fc.constantFrom("buy" as const, "sell" as const),
	type: fc.constantFrom("limit" as const, "limit" as const, "market" as const),
	quantity: fc.integer({ min: 1, max: 9 }),
	price: fc.integer({ min: 98, max: 102 }),
	list: fc.constantFrom(undefined, undefined, "x", "y"),
	timeInForce: fc.constantFrom("gtc" as const, "ioc" as const),
});

type Step = {
	readonly before: Book;
	readonly after: Book;
	readonly taker: Live;
	readonly trades: readonly Trade[];
	readonly left: number;
	readonly rests: boolean;
	readonly cancelled: readonly Live[];
};

type Wanted = Omit<Partial<Live>, "list"> & { readonly list?: string | undefined };

/** Plays orders one after the other. */
function play(orders: readonly Wanted[]): readonly Step[] {
	let book = emptyBook;
	return orders.map(({ list, ...rest }, id) => {
		const wanted = { ...rest, ...(list !== undefined && { list }) };
		const taker: Live = { ...orderOf(wanted), price: rest.price ?? 0, id, effect: "opens" };
		const before = book;
		const { book: after, ...matched } = match(before, taker);
		book = after;
		return { before, after, taker, ...matched };
	});
}

const sum = (orders: readonly { readonly quantity: number }[]) =>
	orders.reduce((total, { quantity }) => total + quantity, 0);

test("a book is never crossed, and each side is sorted by price and then by age", (t) => {
	fc.assert(
		fc.property(fc.array(order, { maxLength: 60 }), (orders) => {
			for (const { after } of play(orders)) {
				const { bid = Number.NEGATIVE_INFINITY, ask = Number.POSITIVE_INFINITY } = bestPrices(after);
				if (bid >= ask) return false;
				for (const [side, sign] of [
					[after.bids, -1],
					[after.asks, 1],
				] as const) {
					const sorted = side.toSorted((a, b) => sign * (a.price - b.price) || a.id - b.id);
					if (sorted.some(({ id }, index) => id !== side[index]?.id)) return false;
					if (side.some(({ quantity }) => quantity <= 0)) return false;
				}
			}
			return true;
		}),
	);
	t.pass();
});

test("no quantity appears or is lost", (t) => {
	fc.assert(
		fc.property(fc.array(order, { maxLength: 60 }), (orders) => {
			for (const { before, after, taker, trades, left, rests } of play(orders)) {
				if (sum(trades) + left !== taker.quantity) return false;
				// What rested and is gone was filled, or was cancelled for a list or for the same account.
				const gone = sum(restingOrders(before)) - sum(restingOrders(after)) + (rests ? left : 0);
				if (gone < sum(trades)) return false;
				const isPlain = [taker, ...restingOrders(before)].every(({ list }) => list === undefined);
				const isOther = restingOrders(before).every(({ account }) => account !== taker.account);
				if (isPlain && isOther && gone !== sum(trades)) return false;
			}
			return true;
		}),
	);
	t.pass();
});

test("trades go to the best price first, and at one price to the oldest", (t) => {
	fc.assert(
		fc.property(fc.array(order, { maxLength: 60 }), (orders) => {
			for (const { taker, trades, after } of play(orders)) {
				const sign = taker.side === "buy" ? 1 : -1;
				for (const [index, { price, maker }] of trades.entries()) {
					const next = trades[index + 1];
					if (price !== maker.price || maker.account === taker.account) return false;
					if (taker.type === "limit" && sign * price > sign * taker.price) return false;
					if (next === undefined) continue;
					if (sign * next.price < sign * price) return false;
					if (next.price === price && next.maker.id < maker.id) return false;
				}
				// Whatever rests on the side that was traded with is behind the last trade.
				const last = trades.at(-1);
				const [best] = taker.side === "buy" ? after.asks : after.bids;
				if (last !== undefined && best !== undefined && sign * best.price < sign * last.price) return false;
			}
			return true;
		}),
	);
	t.pass();
});

test("orders of one list stand in for one another", (t) => {
	// Given a stop and a target of one list for 5 units
	const live = (rest: Partial<Live>): Live => ({
		...orderOf({ side: "sell", type: "limit", quantity: 5, list: "bracket", ...rest }),
		id: 1,
		effect: "reduces",
		price: 101,
		...rest,
	});
	const withTarget = match(emptyBook, live({ id: 1 })).book;
	const book = { ...withTarget, stops: [live({ id: 2, type: "stop", price: 99 })] };
	// When 2 of the target are bought
	const taker = live({ id: 3, account: "b", side: "buy", type: "market", quantity: 2 });
	const after = match(book, { ...taker, list: "other" }).book;
	// Then both stand for 3
	t.deepEqual(
		restingOrders(after).map(({ quantity }) => quantity),
		[3, 3],
	);
	// When the rest is bought, then the stop is cancelled
	const { book: end, cancelled } = match(after, { ...taker, id: 4, quantity: 3 });
	t.deepEqual(restingOrders(end), []);
	t.deepEqual(
		cancelled.map(({ id }) => id),
		[2],
	);
});

test("removing takes out what is meant and nothing else", (t) => {
	fc.assert(
		fc.property(fc.array(order, { maxLength: 40 }), (orders) => {
			const book = play(orders).at(-1)?.after ?? emptyBook;
			const { book: after, ended } = remove(book, ({ account }) => account === "a");
			return (
				ended.every(({ account }) => account === "a") &&
				restingOrders(after).every(({ account }) => account !== "a") &&
				ended.length + restingOrders(after).length === restingOrders(book).length
			);
		}),
	);
	t.pass();
});

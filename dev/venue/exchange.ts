import { applyFill, flat, type Position } from "./account.ts";
import {
	type Book,
	bestPrices,
	clampReduceOnly,
	emptyBook,
	insert,
	match,
	remove,
	restingOrders,
	triggeredStop,
} from "./book.ts";
import { effectOf } from "./effect.ts";
import type { Rejection, VenueEvent } from "./events.ts";
import type { Effect, Live, Order, Trade } from "./order.ts";

/** What became of an order. `status` as in FIX. */
export type Report =
	| {
			readonly result: "accepted";
			readonly clientOrderId: string;
			readonly effect: Effect;
			readonly status: "New" | "PartiallyFilled" | "Filled" | "Canceled";
			readonly filled: number;
			/** Of what filled; absent when nothing did. */
			readonly averagePrice?: number;
	  }
	| {
			readonly result: "rejected";
			readonly clientOrderId: string;
			readonly effect: Effect;
			readonly reason: Rejection;
	  };

/** What a change of an order changes: the rest stays. */
export type Replacement = {
	readonly account: string;
	readonly instance: string;
	readonly clientOrderId: string;
	readonly symbol: string;
	readonly newClientOrderId: string;
	readonly quantity?: number;
	readonly price?: number;
};

/** One account may not fill the memory of the venue. */
const restingAtMost = 2_000;

/** The books and the accounts of a venue, in memory. */
export type Exchange = ReturnType<typeof createExchange>;

/** Makes one that trades these symbols. `onEvent` is told what happens, in the order in which it does. */
export function createExchange(symbols: readonly string[], onEvent: (event: VenueEvent) => void) {
	const books = new Map<string, Book>(symbols.map((symbol) => [symbol, emptyBook]));
	const positions = new Map<string, Map<string, Position>>();
	const versions = new Map<string, number>();
	let lastId = 0;

	const bookOf = (symbol: string) => books.get(symbol) ?? emptyBook;
	const positionOf = (account: string, symbol: string) => positions.get(account)?.get(symbol) ?? flat;
	const ordersOf = (account: string, symbol: string) =>
		restingOrders(bookOf(symbol)).filter((order) => order.account === account);
	/** Counts the changes of an account, so that a reader can tell which of two states is newer. */
	const touch = (account: string) => versions.set(account, (versions.get(account) ?? 0) + 1);

	function submit(order: Order): Report {
		const report = accept(order);
		settle(order.symbol);
		return report;
	}

	/** Takes a set of orders as one: stops look at the market when all are in. */
	function submitAll(orders: readonly Order[]): void {
		for (const order of orders) accept(order);
		for (const symbol of symbols) settle(symbol);
	}

	function accept(order: Order): Report {
		const effect = effectOf(
			positionOf(order.account, order.symbol).quantity,
			ordersOf(order.account, order.symbol),
			order,
		);
		const reason = rejection(order, effect);
		if (reason !== undefined) return reject(order, reason, effect);
		tellOrder(order, effect);
		lastId += 1;
		const live = { ...order, id: lastId, effect, price: order.price ?? 0 };
		touch(order.account);
		return report(live, take(live));
	}

	/** Refuses an order, whose effect is judged here when nobody has. */
	function reject(order: Order, reason: Rejection, judged?: Effect): Report {
		const { account, symbol, clientOrderId } = order;
		const effect = judged ?? effectOf(positionOf(account, symbol).quantity, ordersOf(account, symbol), order);
		tellOrder(order, effect, reason);
		return { result: "rejected", clientOrderId, effect, reason };
	}

	/** Changes a resting order in one step, at the cost of its priority. Undefined: there is no such order. */
	function replace({ newClientOrderId, ...change }: Replacement): Report | undefined {
		const old = ordersOf(change.account, change.symbol).find(
			({ clientOrderId }) => clientOrderId === change.clientOrderId,
		);
		if (old === undefined) return undefined;
		const before = bookOf(change.symbol);
		books.set(change.symbol, remove(before, ({ id }) => id === old.id).book);
		const { id: _id, effect: _effect, ...same } = old;
		const report = submit({ ...same, ...change, clientOrderId: newClientOrderId });
		if (report.result === "accepted") tellCancel(old, "client");
		else books.set(change.symbol, before);
		return report;
	}

	/** Cancels the resting orders of an account that are meant, and returns how many. */
	function cancel(account: string, isMeant: (order: Live) => boolean): number {
		let count = 0;
		for (const [symbol, book] of books) {
			const without = remove(book, (order) => order.account === account && isMeant(order));
			if (without.ended.length === 0) continue;
			books.set(symbol, without.book);
			for (const order of without.ended) tellCancel(order, "client");
			count += without.ended.length;
		}
		if (count > 0) touch(account);
		return count;
	}

	/** Matches an order, or lets a stop rest. */
	function take(live: Live): readonly Trade[] {
		if (live.type === "stop") {
			books.set(live.symbol, insert(bookOf(live.symbol), live));
			return [];
		}
		const { book, trades, left, rests, cancelled } = match(bookOf(live.symbol), live);
		books.set(live.symbol, book);
		for (const trade of trades) fill(trade);
		for (const order of cancelled) ended(order);
		if (left > 0 && !rests) tellCancel({ ...live, quantity: left }, "venue");
		for (const account of new Set(trades.flatMap(({ maker }) => [maker.account, live.account]))) {
			const { quantity } = positionOf(account, live.symbol);
			const clamped = clampReduceOnly(bookOf(live.symbol), account, quantity);
			books.set(live.symbol, clamped.book);
			for (const order of clamped.ended) ended(order);
		}
		return trades;
	}

	/** Triggers stops until none is left that the market has come to. Each leaves the book, so there is an end. */
	function settle(symbol: string): void {
		for (;;) {
			const stop = triggeredStop(bookOf(symbol));
			if (stop === undefined) return;
			const { account, instance, clientOrderId, side, quantity } = stop;
			onEvent({ event: "trigger", account, instance, clientOrderId, symbol, side, quantity });
			books.set(symbol, remove(bookOf(symbol), ({ id }) => id === stop.id).book);
			touch(account);
			take({ ...stop, type: "market" });
		}
	}

	function fill(trade: Trade): void {
		const { quantity, price } = trade;
		for (const role of ["maker", "taker"] as const) {
			const { account, instance, clientOrderId, symbol, side, effect } = trade[role];
			const position = applyFill(positionOf(account, symbol), side, quantity, price);
			const held = positions.get(account) ?? new Map<string, Position>();
			positions.set(account, held.set(symbol, position));
			touch(account);
			const subject = { account, instance, clientOrderId, symbol };
			onEvent({
				event: "fill",
				...subject,
				role,
				effect,
				side,
				quantity,
				price,
				position: position.quantity,
			});
		}
	}

	function rejection(order: Order, effect: Effect): Rejection | undefined {
		if (!books.has(order.symbol)) return "UnknownSymbol";
		const resting = ordersOf(order.account, order.symbol);
		if (resting.some(({ clientOrderId }) => clientOrderId === order.clientOrderId)) {
			return "DuplicateClientOrderId";
		}
		if (resting.length >= restingAtMost) return "TooManyOrders";
		if (order.reduceOnly === true && effect === "opens") return "NotReducing";
		return undefined;
	}

	function tellOrder(order: Order, effect: Effect, reason?: Rejection): void {
		const { account, instance, clientOrderId, symbol, side, type, quantity, price } = order;
		onEvent({
			event: "order",
			account,
			instance,
			clientOrderId,
			symbol,
			result: reason === undefined ? "accepted" : "rejected",
			...(reason !== undefined && { reason }),
			effect,
			side,
			type,
			quantity,
			...(price !== undefined && { price }),
		});
	}

	function tellCancel(
		{ account, instance, clientOrderId, symbol, quantity }: Live,
		by: "client" | "venue",
	): void {
		onEvent({ event: "cancel", result: "accepted", by, account, instance, clientOrderId, symbol, quantity });
	}

	function ended(order: Live): void {
		touch(order.account);
		tellCancel(order, "venue");
	}

	return {
		symbols,
		submit,
		submitAll,
		reject,
		replace,
		cancel,
		/** Accounts that ever traded. */
		accounts: () => [...positions.keys()],
		position: positionOf,
		orders: ordersOf,
		best: (symbol: string) => bestPrices(bookOf(symbol)),
		book: bookOf,
		version: (account: string) => versions.get(account) ?? 0,
	};
}

function report(
	{ clientOrderId, effect, quantity, type, timeInForce }: Live,
	trades: readonly Trade[],
): Report {
	const filled = trades.reduce((sum, trade) => sum + trade.quantity, 0);
	const money = trades.reduce((sum, trade) => sum + trade.quantity * trade.price, 0);
	const mayRest = type === "stop" || (type === "limit" && timeInForce !== "ioc");
	const status =
		filled === quantity ? "Filled" : !mayRest ? "Canceled" : filled > 0 ? "PartiallyFilled" : "New";
	return {
		result: "accepted",
		clientOrderId,
		effect,
		status,
		filled,
		...(filled > 0 && { averagePrice: money / filled }),
	};
}

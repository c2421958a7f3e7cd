import test from "ava";
import { BotError } from "../../../dev/bots/error.ts";
import { createHands, type Guard } from "../../../dev/bots/hands.ts";
import type { Line } from "../../../dev/bots/line.ts";
import { createView } from "../../../dev/bots/view.ts";
import { createExchange } from "../../../dev/venue/exchange.ts";
import type { Order } from "../../../dev/venue/order.ts";
import { symbolState } from "../../../dev/venue/snapshot.ts";
import { type Permissions, permissionsOf } from "../../../permits/permissions.ts";
import { orderOf } from "../venue/client.ts";

/** Hands on an exchange in this process, with a guard that a test sets; a market maker quotes 99.99 and 100.01. */
function makeHands() {
	const exchange = createExchange(["BTC"], () => undefined);
	for (const [side, price] of [
		["buy", 99.99],
		["sell", 100.01],
	] as const) {
		exchange.submit(orderOf({ account: "maker", type: "limit", quantity: 1_000, side, price }));
	}
	const view = createView();
	const sent: string[] = [];
	const allowed: { mayOpen: boolean; isOpen: boolean; permissions: Permissions } = {
		mayOpen: true,
		isOpen: true,
		permissions: permissionsOf("Normal"),
	};
	const guard: Guard = {
		mayOpen: () => allowed.mayOpen,
		isOpen: () => allowed.isOpen,
		permissions: () => allowed.permissions,
	};
	const line: Line = {
		async post<T>(path: string, body: object, ask?: () => boolean): Promise<T> {
			if (ask?.() === false) throw new BotError("REFUSED", "not allowed");
			const order = body as Order;
			sent.push(path === "/orders" ? `${order.type} ${order.side} ${order.quantity}` : path);
			if (path === "/orders/cancel-all") {
				exchange.cancel("a", () => true);
				return { result: "accepted" } as T;
			}
			const report =
				path === "/orders"
					? exchange.submit(order)
					: exchange.replace(body as Parameters<typeof exchange.replace>[0]);
			return { ...report, state: symbolState(exchange, "a", "BTC", 100) } as T;
		},
		close: () => undefined,
	};
	const hands = createHands({
		account: "a",
		instance: () => "test",
		line,
		view,
		guard,
		onOrder: () => undefined,
	});
	view.takeState(symbolState(exchange, "a", "BTC", 100));
	view.takeQuotes([
		{ symbol: "BTC", bid: 99.99, ask: 100.01, bidQuantity: 1_000, askQuantity: 1_000, mid: 100, at: 0 },
	]);
	return { hands, view, sent, allowed };
}

const open = { action: "open", symbol: "BTC", side: "buy", quantity: 5 } as const;
const close = { action: "close", symbol: "BTC", quantity: 5 } as const;

test("what opens is decided by the answer at the moment of sending, not by an earlier look", async (t) => {
	// Given a guard that looks open and says no when it is asked; when it is to open, then nothing is sent
	const { hands, sent, allowed } = makeHands();
	allowed.mayOpen = false;
	t.is(await hands.perform(open), "refused");
	t.deepEqual(sent, []);
});

test("what closes is sent only where reducing is free", async (t) => {
	// Given a position with its stop and target
	const { hands, view, sent, allowed } = makeHands();
	t.is(await hands.perform(open), "done");
	t.deepEqual(sent, ["market buy 5", "stop sell 5", "limit sell 5"]);
	// When only stops that were placed may reduce, or nothing
	for (const column of ["Pause", "Freeze"] as const) {
		allowed.permissions = permissionsOf(column);
		t.is(await hands.perform(close), "refused");
	}
	t.is(sent.length, 3);
	// When it is free, then it closes, and what protected it ends
	allowed.permissions = permissionsOf("Reduce");
	t.is(await hands.perform(close), "done");
	t.like(view.state("BTC"), { quantity: 0, orders: [] });
});

test("stops are not moved where they may not be, and nothing is placed again after all was cancelled", async (t) => {
	// Given a position with its stop, where no stop may be moved
	const { hands, view, sent, allowed } = makeHands();
	await hands.perform(open);
	const stopPrice = () => view.state("BTC")?.orders.find(({ type }) => type === "stop")?.price;
	const before = stopPrice();
	allowed.permissions = permissionsOf("Emergency");
	t.is(await hands.tighten("BTC", 10), "refused");
	t.is(stopPrice(), before);
	// When all is cancelled
	allowed.permissions = permissionsOf("Normal");
	allowed.isOpen = false;
	t.true(await hands.cancelEverything());
	const count = sent.length;
	// Then it stands bare until opening is allowed
	t.false(hands.isUnprotected("BTC"));
	t.is(await hands.protect("BTC"), "done");
	t.is(sent.length, count);
});

test("of one symbol one thing is under way at a time", async (t) => {
	// Given an order whose answer is not there yet; when another is wanted, then it has to wait
	const { hands } = makeHands();
	const first = hands.perform(open);
	t.true(hands.isBusy("BTC"));
	t.is(await hands.perform(open), "busy");
	t.is(await first, "done");
	t.false(hands.isBusy("BTC"));
});

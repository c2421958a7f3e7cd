import test from "ava";
import fc from "fast-check";
import { effectOf } from "../../../dev/venue/effect.ts";
import type { VenueEvent } from "../../../dev/venue/events.ts";
import { createExchange } from "../../../dev/venue/exchange.ts";
import type { Live } from "../../../dev/venue/order.ts";
import { orderOf } from "./client.ts";

const resting = (rest: Partial<Live>): Live => ({
	...orderOf({ type: "limit", ...rest }),
	id: 1,
	effect: "reduces",
	price: 100,
	...rest,
});

test("an order reduces when it is against the position and fits into it with what rests beside it", (t) => {
	const cases = [
		// Position, resting, order, effect
		[0, [], { side: "sell", quantity: 1 }, "opens"],
		[5, [], { side: "buy", quantity: 1 }, "opens"],
		[5, [], { side: "sell", quantity: 5 }, "reduces"],
		[5, [], { side: "sell", quantity: 6 }, "opens"],
		[-5, [], { side: "buy", quantity: 5 }, "reduces"],
		[-5, [], { side: "sell", quantity: 1 }, "opens"],
		[5, [resting({ side: "sell", quantity: 3 })], { side: "sell", quantity: 2 }, "reduces"],
		[5, [resting({ side: "sell", quantity: 3 })], { side: "sell", quantity: 3 }, "opens"],
		// What rests on the other side does not count
		[5, [resting({ side: "buy", quantity: 9 })], { side: "sell", quantity: 5 }, "reduces"],
		// Orders of one list count once
		[
			5,
			[resting({ side: "sell", quantity: 5, list: "x" })],
			{ side: "sell", quantity: 5, list: "x" },
			"reduces",
		],
		[5, [resting({ side: "sell", quantity: 5, list: "x" })], { side: "sell", quantity: 1 }, "opens"],
	] as const;
	for (const [position, orders, order, effect] of cases) t.is(effectOf(position, orders, order), effect);
});

const command = fc.record({
	account: fc.constantFrom("a", "b"),
	side: fc.constantFrom("buy" as const, "sell" as const),
	type: fc.constantFrom("limit" as const, "market" as const, "stop" as const),
	quantity: fc.integer({ min: 1, max: 9 }),
	price: fc.integer({ min: 97, max: 103 }),
	list: fc.constantFrom(undefined, "x"),
	cancels: fc.constantFrom(false, false, false, true),
});

test("an account whose risk-taking orders are refused never grows or turns its position", (t) => {
	fc.assert(
		fc.property(
			fc.array(command, { maxLength: 60 }),
			fc.integer({ min: -9, max: 9 }),
			(commands, position) => {
				// Given an account with a position, and another that does what it likes
				const events: VenueEvent[] = [];
				const exchange = createExchange(["BTC"], (event) => events.push(event));
				const side = position > 0 ? ("buy" as const) : ("sell" as const);
				if (position !== 0) {
					const quantity = Math.abs(position);
					const price = 100;
					exchange.submit(orderOf({ account: "a", type: "limit", side, quantity, price }));
					const other = side === "buy" ? "sell" : "buy";
					exchange.submit(orderOf({ account: "b", type: "limit", side: other, quantity, price }));
				}
				// When it sends orders, each only to reduce
				let held = exchange.position("a", "BTC").quantity;
				if (held !== position) return false;
				for (const { cancels, list, price, ...rest } of commands) {
					if (cancels) exchange.cancel(rest.account, ({ type }) => type === "limit");
					const wanted = {
						...rest,
						...(rest.type !== "market" && { price }),
						...(list !== undefined && { list }),
					};
					exchange.submit(orderOf({ ...wanted, reduceOnly: rest.account === "a" }));
					// Then its position only shrinks
					const now = exchange.position("a", "BTC").quantity;
					if (Math.abs(now) > Math.abs(held) || now * held < 0) return false;
					held = now;
					if (exchange.position("b", "BTC").quantity !== -held) return false;
				}
				return events.every(
					(event) =>
						event.event !== "order" ||
						event.account !== "a" ||
						event.result === "rejected" ||
						event.effect === "reduces" ||
						event === events[0],
				);
			},
		),
	);
	t.pass();
});

test("gains are those of the fills, whatever the way", (t) => {
	fc.assert(
		fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
			let cash = 0;
			const exchange = createExchange(["BTC"], (event) => {
				if (event.event !== "fill" || event.account !== "a") return;
				cash += (event.side === "buy" ? -1 : 1) * event.quantity * event.price;
			});
			for (const { cancels: _, list: __, price, ...rest } of commands) {
				exchange.submit(orderOf({ ...rest, ...(rest.type !== "market" && { price }) }));
			}
			// Money spent and earned is what was gained, less what the position cost.
			const { quantity, entry, realised } = exchange.position("a", "BTC");
			return Math.abs(cash - (realised - quantity * entry)) < 1e-6;
		}),
	);
	t.pass();
});

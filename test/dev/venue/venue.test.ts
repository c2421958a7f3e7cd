import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { wallNow } from "../../../dev/venue/clock.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/until.ts";
import { orderOf, startTestVenue } from "./client.ts";

test("orders fill, positions and gains follow, and the log judges them", async (t) => {
	// Given a venue with a log
	const log = join(temporaryFolder(t, "venue"), "log");
	const venue = await startTestVenue(t, "--log", log);
	const start = wallNow();
	// When an account buys, and sells a part of it
	const bought = await venue.submit(orderOf({ quantity: 5 }));
	t.like(bought, { result: "accepted", effect: "opens", status: "Filled", filled: 5 });
	const between = wallNow();
	const sold = await venue.submit(orderOf({ side: "sell", quantity: 3 }));
	t.like(sold, { result: "accepted", effect: "reduces", status: "Filled" });
	// Then the position says so
	t.like(sold.state, { quantity: 2 });
	const averageOf = (answer: typeof sold) => (answer.result === "accepted" ? (answer.averagePrice ?? 0) : 0);
	t.true(averageOf(bought) > 90 && Math.abs(sold.state.entry - averageOf(bought)) < 1e-9);
	t.true(Math.abs(sold.state.realised - 3 * (averageOf(sold) - averageOf(bought))) < 1e-9);
	// Then one order took risk, and none since the first was answered
	const all = await venue.judge("a", start);
	t.like(all, { riskTaking: 1, riskReducing: 1, rejected: 0, positions: { BTC: 2 }, restingOrders: 0 });
	t.like(all.instances, { test: { riskTaking: 1 } });
	t.true((all.lastRiskTakingAt ?? 0) >= start && (all.lastRiskTakingAt ?? 0) <= between);
	t.is((await venue.judge("a", between)).riskTaking, 0);
	// Then the log has each step with both times
	const lines = readFileSync(log, "utf8")
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line) as { event: string; effect: string; wallMicros: number; mono: number });
	t.deepEqual(
		lines.map(({ event, effect }) => `${event} ${effect}`),
		["order opens", "fill opens", "order reduces", "fill reduces"],
	);
	for (const { wallMicros, mono } of lines) {
		t.true(wallMicros / 1_000 >= start && wallMicros / 1_000 <= wallNow() && mono > 0);
	}
	// Then a query can ask for it
	t.regex(await venue.metrics(), /venue_position\{account="a",symbol="BTC"\} 2\n/);
	t.regex(await venue.metrics(), /venue_orders_total\{account="a",effect="opens",result="accepted"\} 1\n/);
});

test("a stop triggers when the market comes to it, and its list ends with it", async (t) => {
	// Given a position with a stop that the market has already come to nearly, and a target of its list
	const venue = await startTestVenue(t);
	await venue.submit(orderOf({ quantity: 4 }));
	const bracket = { side: "sell", quantity: 4, reduceOnly: true, list: "bracket" } as const;
	const target = await venue.submit(orderOf({ ...bracket, type: "limit", price: 300 }));
	t.like(target, { result: "accepted", effect: "reduces", status: "New" });
	const stop = await venue.submit(orderOf({ ...bracket, type: "stop", price: 50, clientOrderId: "stop" }));
	t.like(stop, { result: "accepted", effect: "reduces" });
	t.is(stop.state.orders.length, 2);
	// When it is moved to above the market
	const moved = { account: "a", instance: "test", symbol: "BTC", clientOrderId: "stop" };
	await venue.post("/orders/replace", { ...moved, newClientOrderId: "stop-2", price: 250 });
	// Then it fills, and nothing is left
	await until("all is flat", async () => {
		const { positions, restingOrders } = await venue.judge("a");
		return restingOrders === 0 && Object.keys(positions).length === 0;
	});
});

test("an order that could take risk is refused where it may only reduce", async (t) => {
	const venue = await startTestVenue(t);
	const order = orderOf({ side: "sell", reduceOnly: true });
	t.like(await venue.submit(order), { result: "rejected", reason: "NotReducing" });
	// A position of 2 with a resting order for 2 leaves nothing to reduce
	await venue.submit(orderOf({ quantity: 2 }));
	await venue.submit(orderOf({ side: "sell", type: "limit", price: 300, quantity: 2 }));
	t.like(await venue.submit(order), { result: "rejected", effect: "opens" });
	t.like(await venue.judge("a"), { rejected: 2, riskTaking: 1, riskReducing: 1 });
});

test("what is asked wrongly is refused, and faults are done as asked", async (t) => {
	const venue = await startTestVenue(t);
	// Given bodies that are no orders
	const bodies = ["", "{", "[]", "{}", JSON.stringify(orderOf({ quantity: 0.5 }))];
	for (const body of [...bodies, JSON.stringify({ ...orderOf(), type: "limit" })]) {
		t.is(await venue.status("/orders", body), 400);
	}
	t.is(await venue.status("/nowhere", "{}"), 404);
	t.like(await venue.submit(orderOf({ symbol: "DOGE" })), { reason: "UnknownSymbol" });
	// When cancels are rejected, then what rests stays
	await venue.submit(orderOf({ type: "limit", price: 10, clientOrderId: "x" }));
	await venue.post("/faults", { rejectCancelsOf: ["a"] });
	const cancel = { account: "a", instance: "test" };
	t.like(await venue.post("/orders/cancel-all", cancel), { result: "rejected", cancelled: 0 });
	t.is((await venue.judge("a")).restingOrders, 1);
	// When orders are rejected, then they are counted as such
	await venue.post("/faults", { rejectOrders: true });
	t.like(await venue.submit(orderOf()), { result: "rejected", reason: "Fault" });
	// When answers are late, then the order is taken at once all the same
	await venue.post("/faults", { answerAfterMilliseconds: 400 });
	const start = wallNow();
	t.like(await venue.submit(orderOf()), { result: "accepted" });
	t.true(wallNow() - start >= 350);
	await venue.post("/faults", {});
	t.true(((await venue.judge("a")).lastRiskTakingAt ?? 0) - start < 350);
	t.like(await venue.post("/orders/cancel-all", cancel), { result: "accepted", cancelled: 1 });
});

test("the same seed walks the same prices, and both sides are always quoted", async (t) => {
	const [one, two] = await Promise.all(["7", "7"].map((seed) => startTestVenue(t, "--seed", seed)));
	const seen = async (venue: typeof one) => {
		const prices = new Set<number>();
		await until("the market moved ten times", async () => {
			for (const { symbol, mid, bid = 0, ask = 0 } of (await venue?.quotes()) ?? []) {
				t.true(bid > 0 && ask > bid);
				if (symbol === "BTC") prices.add(mid);
			}
			return prices.size >= 10;
		});
		return prices;
	};
	const [first, second] = await Promise.all([seen(one), seen(two)]);
	// They are looked at at different moments: most of what one saw the other saw too.
	t.true([...first].filter((price) => second.has(price)).length >= 5);
});

test("a venue ends when it is told to, and when whoever started it is gone", async (t) => {
	const told = await startTestVenue(t);
	told.program.terminate();
	t.is(await told.program.ended, 0);
	const left = await startTestVenue(t);
	left.program.closeInput();
	t.is(await left.program.ended, 0);
});

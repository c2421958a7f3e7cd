import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { wallNow } from "../../../dev/venue/clock.ts";
import { permitOf } from "../../permits/desk.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/until.ts";
import { orderOf } from "../venue/client.ts";
import { judgeNext, startTestBot, startTestDesk, untilHeld, untilOpened } from "./desk.ts";
import { createIssuer } from "./issuer.ts";

/** What was written before the answer to a permit may reach the venue so much later, on a machine that is busy. */
const onTheWayMilliseconds = 100;

test.serial("a bot is paused until it is granted a permit, and stops when one takes it away", async (t) => {
	// Given a bot that was sent one message, which grants nothing
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	t.is((await bot.operator.send({ ttlMilliseconds: 10_000 })).applied, "Tightened");
	t.like(await judgeNext(desk, 700, 0), { riskTaking: 0, riskReducing: 0 });
	// When it is granted one, then it trades, and its instance is the one of its answers
	const { applied, instance } = await bot.operator.set({ ttlMilliseconds: 10_000 });
	t.is(applied, "Granted");
	const { instances } = await untilOpened(desk);
	t.deepEqual(Object.keys(instances), [instance]);
	// When it is told to pause while an order waits to open, then not one order takes risk from then on
	await desk.venue.submit(orderOf({ type: "limit", price: 10 }));
	await bot.operator.set({ mode: "Pause", generation: 2, ttlMilliseconds: 10_000 });
	const paused = wallNow();
	const { lastRiskTakingAt } = await judgeNext(desk, 700);
	t.true((lastRiskTakingAt ?? 0) <= paused + onTheWayMilliseconds);
	// Then nothing that could open rests, and it says so
	const positions = await bot.positions();
	t.like(positions, { account: "a", instance, epoch: { uid: "desk-uid", generation: 2 } });
	t.deepEqual(positions.permissions, { open: false, reduce: "stops-placed", amendStops: "free" });
	await until("only orders that reduce rest", async () =>
		(await desk.venue.account("a")).every(({ orders }) => orders.every(({ reduceOnly }) => reduceOnly)),
	);
	// When it is opened again, then it trades again
	await bot.operator.set({ generation: 3, ttlMilliseconds: 10_000 });
	await untilOpened(desk, { since: wallNow() });
});

test.serial("a bot protects its positions, and tells them", async (t) => {
	// Given a bot that trades
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	await bot.operator.set({ ttlMilliseconds: 10_000 });
	await untilHeld(desk, 8);
	// When it pauses, then each position has a stop for all of it, on the right side
	await bot.operator.set({ mode: "Reduce", generation: 2, ttlMilliseconds: 10_000 });
	await until("every position has a stop and a target for all of it", async () =>
		(await desk.venue.account("a")).every(({ quantity, orders }) =>
			["stop", "limit"].every(
				(type) =>
					quantity === 0 ||
					orders.some((order) => order.type === type && order.quantity === Math.abs(quantity)),
			),
		),
	);
	const states = await desk.venue.account("a");
	const { positions } = await bot.positions();
	t.true(positions.length > 0);
	for (const { symbol, side, quantity, entry, stop, target } of positions) {
		const held = states.find((state) => state.symbol === symbol)?.quantity ?? 0;
		t.is(side === "long" ? quantity : -quantity, held);
		t.true(side === "long" ? (stop ?? 0) < entry : (stop ?? 0) > entry);
		t.true(side === "long" ? (target ?? 0) > entry : (target ?? 0) < entry);
	}
});

test.serial("told to flatten at once, it cancels all and holds nothing", async (t) => {
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	await bot.operator.set({ ttlMilliseconds: 10_000 });
	await untilHeld(desk, 8);
	// When Emergency comes
	await bot.operator.set({ mode: "Emergency", generation: 2, ttlMilliseconds: 10_000 });
	const start = wallNow();
	// Then all is flat, nothing rests, and no order took risk
	const { now } = await until("all is flat", async () => {
		const judgement = await desk.venue.judge("a", start + onTheWayMilliseconds);
		const isFlat = judgement.restingOrders === 0 && Object.keys(judgement.positions).length === 0;
		return isFlat ? judgement : undefined;
	});
	t.log(`flat after ${Math.round(now - start)} ms`);
	t.like(await judgeNext(desk, 500, start + onTheWayMilliseconds), { riskTaking: 0, positions: {} });
});

test.serial("a cancel that is rejected is tried again until it is done", async (t) => {
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	await bot.operator.set({ ttlMilliseconds: 10_000 });
	await untilHeld(desk, 3);
	// Given a venue that rejects cancels
	await desk.venue.post("/faults", { rejectCancelsOf: ["a"] });
	const duties = { cancelAll: true } as const;
	await bot.operator.set({ mode: "Pause", generation: 2, duties, ttlMilliseconds: 10_000 });
	t.true((await judgeNext(desk, 500)).restingOrders > 0);
	// When it takes them again
	await desk.venue.post("/faults", {});
	await until("nothing rests", async () => (await desk.venue.judge("a")).restingOrders === 0);
	t.is((await judgeNext(desk, 500)).restingOrders, 0);
});

test.serial("told to flatten over seconds, it follows a straight slope", async (t) => {
	// Given a bot that holds something
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	await bot.operator.set({ ttlMilliseconds: 10_000 });
	const [symbol] = await untilHeld(desk, 20);
	// When it is to be flat in 3 s
	const duties = { cancelAll: true, flatten: { overSeconds: 3 } } as const;
	const start = wallNow();
	await bot.operator.set({ mode: "Reduce", generation: 2, duties, ttlMilliseconds: 10_000 });
	const from = Math.abs((await desk.venue.judge("a")).positions[symbol] ?? 0);
	// Then what is held lies near the line, until all is flat
	const seen: { readonly at: number; readonly held: number }[] = [];
	await until("all is flat", async () => {
		const { positions, now } = await desk.venue.judge("a");
		seen.push({ at: now - start, held: Math.abs(positions[symbol] ?? 0) });
		return Object.keys(positions).length === 0;
	});
	for (const { at, held } of seen) {
		const line = Math.max(0, 1 - at / 3_000) * from;
		t.true(Math.abs(held - line) <= 3 + from / 5, `${held} of ${from} after ${at} ms`);
	}
	t.true((seen.at(-1)?.at ?? 0) >= 2_500);
});

test.serial(
	"what was told to flatten goes on when its permit runs out, and a later one ends it",
	async (t) => {
		// Given a bot that holds something
		const desk = await startTestDesk(t);
		const bot = await startTestBot(t, desk, "bot");
		await bot.operator.set({ ttlMilliseconds: 10_000 });
		const [symbol] = await untilHeld(desk, 20);
		const held = async () => Math.abs((await desk.venue.judge("a")).positions[symbol] ?? 0);
		const duties = { flatten: { overSeconds: 8 } } as const;
		// When it is to be flat in 8 s, is lowered to Pause on the way, and nobody renews
		await bot.operator.set({ mode: "Reduce", generation: 2, duties, ttlMilliseconds: 10_000 });
		await until("some of it is closed", async () => (await held()) < 18);
		await bot.operator.set({ mode: "Pause", generation: 3, ttlMilliseconds: 500 });
		bot.operator.stop();
		// Then what is left stays, also when that has run out
		await judgeNext(desk, onTheWayMilliseconds);
		const left = await held();
		t.true(left > 0);
		await judgeNext(desk, 1_500);
		t.is(await held(), left);
		// When it is told again, and nobody renews that
		const start = wallNow();
		await bot.operator.set({
			mode: "Reduce",
			generation: 4,
			duties: { flatten: { overSeconds: 2 } },
			ttlMilliseconds: 500,
		});
		bot.operator.stop();
		// Then it is paused after half a second, and flat in the end
		await until("it is paused", async () => (await bot.positions()).permissions.reduce === "stops-placed");
		t.true((await held()) > 0);
		await until("all is flat", async () => Object.keys((await desk.venue.judge("a")).positions).length === 0);
		t.is((await desk.venue.judge("a", start)).riskTaking, 0);
	},
);

test.serial(
	"a press after the permits ran out: it cancels and flattens, and frozen it only cancels",
	async (t) => {
		for (const last of ["Pause", "Freeze"] as const) {
			// Given a bot that holds something and was told to pause, or is frozen, by somebody who is dead since
			const desk = await startTestDesk(t);
			const bot = await startTestBot(t, desk, "bot");
			const port = bot.ports.permit ?? 0;
			await bot.operator.set({ ttlMilliseconds: 10_000 });
			await untilHeld(desk, 8);
			await bot.operator.set({ mode: last, generation: 2, ttlMilliseconds: 200 });
			bot.operator.stop();
			await judgeNext(desk, 500);
			// When the raise key says Emergency
			const start = wallNow();
			const raise = permitOf({ kind: "Raise", mode: "Emergency", generation: 2 });
			const { answer } = await desk.issuer.post(port, raise, "raise");
			t.is(answer.applied, "Tightened");
			// Then nothing rests, it takes no risk, and holds nothing; what is frozen stays as it is
			await until("nothing rests", async () => (await desk.venue.judge("a")).restingOrders === 0);
			if (last === "Pause") {
				const isFlat = async () => Object.keys((await desk.venue.judge("a")).positions).length === 0;
				await until("all is flat", isFlat);
			}
			const { riskTaking, positions } = await judgeNext(desk, 500, start);
			t.is(riskTaking, 0);
			t.is(Object.keys(positions).length > 0, last === "Freeze");
			bot.program.terminate();
			await bot.program.ended;
		}
	},
);

test.serial("told to tighten, it moves stops nearer and nothing else", async (t) => {
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	await bot.operator.set({ ttlMilliseconds: 10_000 });
	await untilHeld(desk, 8);
	await bot.operator.set({ mode: "Pause", generation: 2, ttlMilliseconds: 10_000 });
	const stops = async () =>
		new Map(
			(await desk.venue.account("a")).flatMap(({ symbol, orders }) =>
				orders
					.filter(({ type }) => type === "stop")
					.map(({ price = 0, side }) => [symbol, { price, side }] as const),
			),
		);
	await until("there are stops", async () => (await stops()).size > 0);
	await judgeNext(desk, 300);
	const before = await stops();
	// When stops are to be brought nearer by a half
	const duties = { tightenStopsPercent: 50 };
	await bot.operator.set({ mode: "Reduce", generation: 3, duties, ttlMilliseconds: 10_000 });
	// Then each has come nearer
	await until("the stops moved", async () =>
		[...(await stops())].every(([symbol, { price }]) => price !== before.get(symbol)?.price),
	);
	for (const [symbol, { price, side }] of await stops()) {
		const old = before.get(symbol)?.price ?? 0;
		t.true(side === "sell" ? price > old : price < old, `${symbol} ${side}: ${old} to ${price}`);
	}
});

test.serial("a permit that runs out stops it, and the venue has seen it", async (t) => {
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "bot");
	await bot.operator.set({ ttlMilliseconds: 1_500 });
	await untilOpened(desk);
	// When nobody renews it
	bot.operator.stop();
	const last = wallNow();
	const { lastRiskTakingAt, now } = await judgeNext(desk, 2_500, last);
	// Then the last order that took risk came before its end
	t.true((lastRiskTakingAt ?? 0) <= last + 1_500 + onTheWayMilliseconds);
	t.true(now - (lastRiskTakingAt ?? 0) >= 800);
});

test.serial(
	"a bot serves its metrics on five ports, and refuses what is not signed or no permit",
	async (t) => {
		const desk = await startTestDesk(t);
		const bot = await startTestBot(t, desk, "bot");
		const names = {
			main: "bot_gate_open",
			circuitBreaker: "cb_trips_total",
			risk: "risk_positions_open",
			orders: "order_latency_seconds",
			memory: "memory_allocated_bytes",
		} as const;
		for (const [name, metric] of Object.entries(names)) {
			const port = bot.ports[name as keyof typeof names];
			t.true((await bot.get(port, "/metrics")).includes(`\n${metric}`) || name === "orders");
			t.like(JSON.parse(await bot.get(port, "/health")), { status: "ok", open: false });
		}
		t.true((await bot.get(bot.ports.orders, "/metrics")).includes("# TYPE order_latency_seconds histogram"));
		// When somebody else signs, then 401; when what is signed is no permit, then 400
		const port = bot.ports.permit ?? 0;
		t.is((await createIssuer().post(port, permitOf())).status, 401);
		t.is((await desk.issuer.post(port, { ...permitOf(), ttlMilliseconds: 0 })).status, 400);
	},
);

test.serial("keys can be exchanged while a bot runs", async (t) => {
	// Given a bot with keys of a file
	const desk = await startTestDesk(t);
	const file = join(temporaryFolder(t, "keys"), "keys.json");
	writeFileSync(file, JSON.stringify(desk.issuer.keys));
	const bot = await startTestBot(t, desk, "bot", "--keys", file);
	const port = bot.ports.permit ?? 0;
	const next = createIssuer();
	t.is((await next.post(port, permitOf())).status, 401);
	// When the next key is added, then both are good
	const { permit, raise } = next.keys;
	writeFileSync(file, JSON.stringify({ permit: [...desk.issuer.keys.permit, ...permit], raise }));
	t.is((await next.post(port, permitOf())).status, 200);
	t.is((await desk.issuer.post(port, permitOf())).status, 200);
});

test.serial("a bot ends when it is told to, and when whoever started it is gone", async (t) => {
	const desk = await startTestDesk(t);
	const told = await startTestBot(t, desk, "bot");
	await told.operator.set({ ttlMilliseconds: 10_000 });
	await untilOpened(desk);
	told.operator.stop();
	told.program.terminate();
	t.is(await told.program.ended, 0);
	// Then nothing of it that could open rests
	for (const { orders } of await desk.venue.account("a")) {
		t.true(orders.every(({ reduceOnly }) => reduceOnly));
	}
	t.deepEqual(told.program.errors, []);
	const left = await startTestBot(t, desk, "risk");
	left.program.closeInput();
	t.is(await left.program.ended, 0);
});

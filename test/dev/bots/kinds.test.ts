import test from "ava";
import { wallNow } from "../../../dev/venue/clock.ts";
import { until } from "../../support/until.ts";
import { orderOf } from "../venue/client.ts";
import { judgeNext, startTestBot, startTestDesk, untilHeld, untilOpened } from "./desk.ts";

const long = { ttlMilliseconds: 10_000 };
/** What was written before the answer to a permit may reach the venue so much later, on a machine that is busy. */
const onTheWayMilliseconds = 100;

test.serial("a strategy and its gateway each refuse by themselves", async (t) => {
	// Given both, of which only the strategy has a permit
	const desk = await startTestDesk(t);
	const gateway = await startTestBot(t, desk, "gateway");
	const url = `http://127.0.0.1:${gateway.ports.main}`;
	const strategy = await startTestBot(t, desk, "strategy", "--gateway", url);
	await strategy.operator.set(long);
	t.like(await judgeNext(desk, 700, 0), { riskTaking: 0, rejected: 0 });
	// When the gateway has one too, then it trades, in its own name
	const { instance } = await gateway.operator.set(long);
	t.deepEqual(Object.keys((await untilOpened(desk)).instances), [instance]);
	// When the strategy is halted, then nothing opens
	await strategy.operator.set({ ...long, mode: "Pause", generation: 2 });
	const halted = wallNow() + onTheWayMilliseconds;
	t.is((await judgeNext(desk, 700, halted)).riskTaking, 0);
	// When the gateway alone is halted, then neither
	await strategy.operator.set({ ...long, generation: 3 });
	await untilOpened(desk, { since: halted });
	await untilHeld(desk, 3);
	await gateway.operator.set({ ...long, mode: "Emergency", generation: 2 });
	const flattened = wallNow() + onTheWayMilliseconds;
	t.is((await judgeNext(desk, 700, flattened)).riskTaking, 0);
	// Then the gateway has done the duties
	await until("all is flat", async () => {
		const { positions, restingOrders } = await desk.venue.judge("a");
		return restingOrders === 0 && Object.keys(positions).length === 0;
	});
});

test.serial("a risk monitor reads and sends nothing", async (t) => {
	const desk = await startTestDesk(t);
	await desk.venue.submit(orderOf({ quantity: 4, symbol: "ETH" }));
	const risk = await startTestBot(t, desk, "risk");
	await risk.operator.set(long);
	await until("it sees the position", async () =>
		(await risk.get(risk.ports.risk, "/metrics")).includes('risk_position{symbol="ETH"} 4'),
	);
	t.like((await risk.positions()).positions, [{ symbol: "ETH", side: "long", quantity: 4, stop: null }]);
	t.is((await desk.venue.judge("a")).riskTaking, 1);
});

test.serial("a liquidator closes everything within its limits, and only where it may", async (t) => {
	// Given positions and resting orders of others
	const desk = await startTestDesk(t);
	await desk.venue.submit(orderOf({ quantity: 30 }));
	await desk.venue.submit(orderOf({ side: "sell", quantity: 7, symbol: "ETH" }));
	await desk.venue.submit(orderOf({ type: "limit", price: 10, quantity: 7, symbol: "SOL" }));
	const liquidator = await startTestBot(t, desk, "liquidator");
	// When it has no permit, or one with which the desk trades, then it does nothing
	await liquidator.operator.set(long);
	await liquidator.operator.set({ ...long, mode: "Pause", generation: 2 });
	await liquidator.operator.set({ ...long, generation: 3 });
	t.like(await judgeNext(desk, 500), { positions: { BTC: 30, ETH: -7 }, restingOrders: 1 });
	// When it may, then it closes all, in parts of 1 % of what is quoted
	const start = wallNow();
	const limits = { maxSlippageBps: 100, maxParticipation: 0.01, quoteMaxAgeSeconds: 5 };
	await liquidator.operator.set({ ...long, mode: "Emergency", generation: 4, limits });
	await until("all is flat", async () => {
		const { positions, restingOrders } = await desk.venue.judge("a");
		return restingOrders === 0 && Object.keys(positions).length === 0;
	});
	const { riskTaking, riskReducing } = await desk.venue.judge("a", start);
	t.is(riskTaking, 0);
	t.true(riskReducing >= 30 / 2, `${riskReducing} orders`);
	// Then it runs on and does nothing
	t.like(await judgeNext(desk, 500), { riskReducing: 0, rejected: 0 });
	t.like(JSON.parse(await liquidator.get(liquidator.ports.main, "/health")), { status: "ok" });
});

test.serial("one liquidator closes several accounts", async (t) => {
	// Given positions of two accounts, and a liquidator that has both
	const desk = await startTestDesk(t);
	await desk.venue.submit(orderOf({ quantity: 9 }));
	await desk.venue.submit(orderOf({ account: "b", side: "sell", quantity: 5, symbol: "ETH" }));
	const liquidator = await startTestBot(t, desk, "liquidator", "--also-account", "b");
	// When it may liquidate, then both become flat
	await liquidator.operator.set({ ...long, mode: "Emergency" });
	await until("both are flat", async () => {
		const answers = await Promise.all(["a", "b"].map((account) => desk.venue.judge(account)));
		return answers.every(({ positions }) => Object.keys(positions).length === 0);
	});
	t.is((await desk.venue.judge("b")).riskReducing, 1);
});

test.serial("a liar acknowledges and trades on, and the venue sees it", async (t) => {
	const desk = await startTestDesk(t);
	const liar = await startTestBot(t, desk, "liar");
	await liar.operator.set(long);
	await untilOpened(desk);
	// When it is told to stop, then it says that it has
	const answer = await liar.operator.set({ ...long, mode: "Emergency", generation: 2 });
	t.like(answer, { epoch: { generation: 2 }, permissions: { open: false } });
	// Then the venue knows better
	const since = wallNow() + onTheWayMilliseconds;
	const { instances } = await untilOpened(desk, { since });
	t.deepEqual(Object.keys(instances), [answer.instance]);
});

test.serial("a deaf bot answers nobody and trades", async (t) => {
	const desk = await startTestDesk(t);
	const deaf = await startTestBot(t, desk, "deaf");
	t.is(deaf.ports.permit, null);
	await untilOpened(desk);
});

test.serial("a restarter comes up paused, as another instance", async (t) => {
	const desk = await startTestDesk(t);
	const bot = await startTestBot(t, desk, "restarter");
	const { instance } = await bot.operator.set(long);
	await untilOpened(desk);
	// When opening is taken away
	bot.operator.stop();
	await bot.operator.send({ ...long, mode: "Pause", generation: 2 });
	const paused = wallNow() + onTheWayMilliseconds;
	// Then it begins anew: nothing opens, and even a permit for what it knew before grants nothing at first
	t.is((await judgeNext(desk, 700, paused)).riskTaking, 0);
	const first = await bot.operator.send({ ...long, generation: 1 });
	t.like(first, { applied: "Tightened", permissions: { open: false }, epoch: { generation: 0 } });
	t.not(first.instance, instance);
	// When it is granted a permit, then it trades in its new name
	await bot.operator.set({ ...long, generation: 3 });
	const { instances } = await untilOpened(desk, { since: paused });
	t.deepEqual(Object.keys(instances), [first.instance]);
});

test.serial("a bot whose loop hung after its gate said yes asks again when it wakes", async (t) => {
	// Given a bot that hangs for longer than its permit lives
	const desk = await startTestDesk(t);
	const hang = ["--hang-after-orders", "20", "--hang-seconds", "3"];
	const bot = await startTestBot(t, desk, "hanger", ...hang);
	await bot.operator.set({ ttlMilliseconds: 1_500 });
	const said = (event: string) =>
		until(`it ${event}`, () => {
			const line = bot.program.errors.find((text) => text.includes(`"event":"${event}"`));
			return line === undefined ? undefined : (JSON.parse(line) as { readonly time: number }).time;
		});
	const hung = await said("hangs");
	bot.operator.stop();
	// When it wakes
	const woke = await said("wakes");
	t.true(woke - hung >= 3_000);
	await until("it answers", async () => (await bot.positions()).account === "a");
	// Then not one order took risk after it hung
	const { lastRiskTakingAt } = await judgeNext(desk, 500);
	t.true((lastRiskTakingAt ?? 0) <= hung + onTheWayMilliseconds);
	// When it is granted another, then it goes on
	await bot.operator.set(long);
	await untilOpened(desk, { since: woke });
});

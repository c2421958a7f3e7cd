import test from "ava";
import { wallNow } from "../../dev/venue/clock.ts";
import { until } from "../support/until.ts";
import { allowedMilliseconds, openTrading } from "./trading-desk.ts";

/** A time in which the mode that the API server acknowledged was not Normal. Milliseconds since 1970. */
type Halt = { readonly acknowledgedAt: number; readonly loweredAt: number };

/** In each of so many bursts most flips come at once; then the bots may trade, and the last raise stands a while. */
const bursts = 4;
const pairs = 25;
const standMilliseconds = 3 * allowedMilliseconds;

/** Resolves at a time, however late that is. */
const at = (time: number) =>
	until("that time has come", () => wallNow() >= time, { intervalMilliseconds: 5 });

test.serial(
	"200 flips as fast as they go: the venue takes no risk while the mode in force is not Normal",
	async (t) => {
		t.timeout(300_000);
		// Given a desk that trades
		const trading = await openTrading(t);
		const { desk } = trading;
		const pods = await trading.running();
		const halts: Halt[] = [];
		let acknowledgedAt: number | undefined;
		let flips = 0;
		const flip = async (mode: "Normal" | "Pause") => {
			flips += 1;
			// A lowering is in force at the latest when it is acknowledged, and at the earliest when it is sent.
			if (mode === "Normal" && acknowledgedAt !== undefined)
				halts.push({ acknowledgedAt, loweredAt: wallNow() });
			await desk.patch(mode === "Normal" ? { mode, reason: `flip ${flips}` } : { mode });
			acknowledgedAt = mode === "Pause" ? wallNow() : undefined;
		};
		// When it is flipped 200 times, as fast as the API server takes them but for a few that stand
		const begun = wallNow();
		for (let burst = 0; burst < bursts; burst += 1) {
			for (let pair = 1; pair < pairs; pair += 1) {
				await flip("Pause");
				await flip("Normal");
			}
			const since = wallNow();
			await trading.flowing(since);
			await flip("Pause");
			await at(wallNow() + standMilliseconds);
			if (burst < bursts - 1) await flip("Normal");
		}
		const last = acknowledgedAt ?? 0;
		const took = wallNow() - begun;
		await desk.confirmed("Pause");
		await trading.during(last, 2_000);
		// Then no order that takes risk was accepted while it was halted, once what was under way had arrived
		const judged = [...halts, { acknowledgedAt: last, loweredAt: Number.POSITIVE_INFINITY }].map((halt) => ({
			from: halt.acknowledgedAt + allowedMilliseconds,
			to: halt.loweredAt,
		}));
		t.deepEqual(
			judged.flatMap(({ from, to }) =>
				trading
					.risky(from, to)
					.map(({ at: when, account }) => `${account} ${Math.round(when - from)} ms late`),
			),
			[],
		);
		// And that says something: bots had traded right before each raise that stood
		const standing = judged.filter(({ from, to }) => to - from >= allowedMilliseconds);
		t.log(
			`${flips} flips in ${Math.round(took)} ms, ${judged.length} halts, ${standing.length} of them stood`,
		);
		t.is(flips, 2 * pairs * bursts - 1);
		t.true(standing.length >= bursts);
		t.deepEqual(await trading.running(), pods);
		// When it is lowered, then they trade
		await desk.lower("Normal");
		await trading.flowing();
	},
);

test.serial("a venue that rejects cancels: what rests stays and is told, and no risk is added", async (t) => {
	t.timeout(300_000);
	// Given a desk that trades, and an order of one bot that waits to open, far from the market
	const trading = await openTrading(t);
	const { desk, bots } = trading;
	const [bot] = bots;
	if (bot === undefined) throw new Error("there are bots");
	const { account } = bot;
	await trading.ask("/faults", { rejectCancelsOf: [account] });
	const order = { account, instance: "earlier", clientOrderId: "far", symbol: "BTC", side: "buy" };
	await trading.ask("/orders", { ...order, type: "limit", price: 10, quantity: 1 });
	// When it is halted
	await desk.patch({ mode: "Pause" });
	const paused = wallNow() + allowedMilliseconds;
	await desk.confirmed("Pause");
	// Then the venue takes no risk, that order rests, and the bot tries to take it back again and again
	t.deepEqual(await trading.during(paused, 2_000), []);
	const rests = async () =>
		(
			await trading.ask<readonly { readonly orders: readonly { readonly clientOrderId: string }[] }[]>(
				`/account?account=${account}`,
			)
		).some(({ orders }) => orders.some(({ clientOrderId }) => clientOrderId === "far"));
	t.true(await rests());
	const rejected = trading
		.lines()
		.filter((line) => line.event === "cancel" && line.result === "rejected" && line.clientOrderId === "far");
	t.true(rejected.filter((line) => line.at > paused).length > 3, `${rejected.length} cancels`);
	// And it says that something rests, where people and machines look, as many as the venue knows of
	await until("the bot tells what rests", async () => {
		const { restingOrders: known } = await trading.ask<{ restingOrders: number }>(
			`/judge?account=${account}`,
		);
		const { restingOrders } = await trading.positions(bot);
		const metrics = await (await fetch(`http://127.0.0.1:${bot.ports.orders}/metrics`)).text();
		return known > 0 && restingOrders === known && metrics.includes(`\norders_resting ${known}\n`);
	});
	// When the venue takes cancels again, then that order is taken back without anybody's word
	await trading.ask("/faults", {});
	await until("nothing rests that could open", async () => !(await rests()));
	t.deepEqual(trading.risky(paused), []);
});

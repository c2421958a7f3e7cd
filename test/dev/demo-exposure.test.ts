import test from "ava";
import { fallsAlong, type Held, stopsOf } from "../../dev/demo/walk/exposure.ts";
import type { SymbolState } from "../../dev/venue/snapshot.ts";

/** One account in one symbol, a sample each second. */
const falling = (...units: readonly number[]): readonly Held[] =>
	units.map((held, index) => ({ at: index * 1_000, of: new Map([["a BTC", held]]), total: held }));

test("what is held has to fall along the line, not sooner and not later", (t) => {
	// Given three seconds to bring everything down
	const isGood = (...units: readonly number[]) =>
		fallsAlong(falling(...units), { seconds: 3, slackMilliseconds: 100 }).good;
	// When it falls as told, then that is good
	t.true(isGood(90, 60, 30, 3, 0));
	// And what falls too late, not to the end, all at once, or not at all, is not
	t.false(isGood(90, 90, 30, 3, 0));
	t.false(isGood(90, 60, 30, 3, 1));
	t.false(isGood(90, 0, 0, 0, 0));
	t.false(isGood(0, 0, 0, 0, 0));
	t.false(isGood());
});

test("a stop is nearer when it moved to the price, on either side", async (t) => {
	// Given a long and a short position, each with a stop, and a position without one
	const state = (symbol: string, quantity: number, price?: number): SymbolState => ({
		...{ symbol, version: 1, quantity, entry: 100, realised: 0, unrealised: 0 },
		orders:
			price === undefined
				? []
				: [{ clientOrderId: "s", side: quantity > 0 ? "sell" : "buy", type: "stop", quantity: 1, price }],
	});
	const venue = (...states: readonly SymbolState[]) =>
		({ account: async () => states }) as unknown as Parameters<typeof stopsOf>[0];
	const before = await stopsOf(venue(state("A", 5, 90), state("B", -5, 110), state("C", 5)), ["a"]);
	// When both move to the price
	const after = await stopsOf(venue(state("A", 5, 95), state("B", -5, 105), state("C", 5)), ["a"]);
	// Then both are nearer, and what has no stop is not compared
	t.is(before.size, 2);
	for (const [which, was] of before) t.true((after.get(which) ?? Number.NaN) > was, which);
});

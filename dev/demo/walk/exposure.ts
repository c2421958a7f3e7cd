import { wallNow } from "../../venue/clock.ts";
import type { VenueClient } from "../venue-client.ts";
import type { Verdict } from "./checks.ts";

/** What accounts held at a moment. */
export type Held = {
	/** Milliseconds since 1970. */
	readonly at: number;
	/** Units without sign, by account and symbol. */
	readonly of: ReadonlyMap<string, number>;
	readonly total: number;
};

/** What these accounts hold now, as the venue has it. */
export async function heldOf(venue: VenueClient, accounts: readonly string[]): Promise<Held> {
	const states = await Promise.all(accounts.map((account) => venue.account(account)));
	const of = new Map(
		states.flatMap((symbols, index) =>
			symbols.map(({ symbol, quantity }) => [`${accounts[index]} ${symbol}`, Math.abs(quantity)] as const),
		),
	);
	return { at: wallNow(), of, total: [...of.values()].reduce((sum, held) => sum + held, 0) };
}

/**
 * How near the resting stop of each position is: greater is nearer to the price. A stop below what was bought counts as
 * its price, one above what was sold as minus that.
 */
export async function stopsOf(
	venue: VenueClient,
	accounts: readonly string[],
): Promise<ReadonlyMap<string, number>> {
	const states = await Promise.all(accounts.map((account) => venue.account(account)));
	return new Map(
		states.flatMap((symbols, index) =>
			symbols.flatMap(({ symbol, quantity, orders }) => {
				const stop = orders.find(({ type }) => type === "stop");
				if (stop?.price === undefined || quantity === 0) return [];
				const side = Math.sign(quantity);
				return [[`${accounts[index]} ${symbol} ${side}`, side * stop.price] as const];
			}),
		),
	);
}

/**
 * Whether everything falls to zero within so many seconds: nothing is ever above the straight line from its first
 * sample to zero, moved by the slack, and at least something was still held after a third of the time.
 */
export function fallsAlong(
	samples: readonly Held[],
	{ seconds, slackMilliseconds }: { readonly seconds: number; readonly slackMilliseconds: number },
): Verdict {
	const [first] = samples;
	const no = (expected: string, seen: string): Verdict => ({ good: false, expected, seen });
	if (first === undefined || first.total === 0) return no("something to bring down", "nothing held");
	for (const { at, of } of samples) {
		const left = Math.max(0, Math.min(1, 1 - (at - first.at - slackMilliseconds) / (seconds * 1_000)));
		for (const [which, held] of of) {
			const most = Math.ceil((first.of.get(which) ?? 0) * left);
			if (held > most) {
				const seen = `${held} after ${Math.round(at - first.at)} ms`;
				return no(`at most ${most} of ${which}`, seen);
			}
		}
	}
	const third = samples.find(({ at }) => at - first.at >= (seconds * 1_000) / 3);
	if ((third?.total ?? 0) === 0) return no("something still held after a third of the time", "nothing");
	const last = samples.at(-1);
	return last?.total === 0 ? { good: true } : no("nothing held in the end", `${last?.total} units`);
}

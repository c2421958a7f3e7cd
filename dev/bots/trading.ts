import { seededRandom } from "../venue/walk.ts";
import { type Breaker, freshBreaker, noteOutcome } from "./breaker.ts";
import { type Executor, type Guard, isAllowed, type Outcome } from "./hands.ts";
import { decide } from "./mind.ts";
import type { View } from "./view.ts";

/** Settings of {@link startTrading}. */
export type TradingOptions = {
	readonly view: View;
	readonly guard: Guard;
	readonly executor: Executor;
	readonly ordersPerSecond: number;
	readonly maxPosition: number;
	readonly seed: number;
};

/** Decisions in a loop. */
export type Trading = {
	/** One message went to the venue: it counts against the rate. */
	readonly spend: () => void;
	readonly breaker: () => Breaker;
	readonly stop: () => void;
};

const tickMilliseconds = 10;
const earlierMilliseconds = 500;
/** Quotes that are older are no ground for a decision. */
const staleMilliseconds = 1_000;

/** Decides on quotes, so many messages a second, and hands its wishes to `executor`, symbol by symbol. */
export function startTrading(options: TradingOptions): Trading {
	const { view, guard, executor, ordersPerSecond, maxPosition, seed } = options;
	const random = seededRandom(seed);
	const earlier = new Map<string, { readonly mid: number; readonly at: number }>();
	let breaker = freshBreaker;
	let budget = 0;
	let last = performance.now();
	let turn = 0;

	function note(outcome: Outcome): void {
		if (outcome === "busy" || outcome === "refused") return;
		breaker = noteOutcome(breaker, outcome === "done", performance.now());
	}

	function trade(symbol: string): void {
		const quote = view.quote(symbol);
		const state = view.state(symbol);
		if (quote === undefined || state === undefined || executor.isBusy(symbol)) return;
		if (performance.timeOrigin + performance.now() - quote.at > staleMilliseconds) return;
		const before = earlier.get(symbol) ?? { mid: quote.mid, at: quote.at };
		if (!earlier.has(symbol) || quote.at - before.at > earlierMilliseconds) {
			earlier.set(symbol, { mid: quote.mid, at: quote.at });
		}
		const wish = decide({ quote, earlier: before.mid, state, maxPosition, random });
		// The hands ask again when they send; asked here, a halted bot does not burn its time with refusals.
		if (isAllowed(wish, guard)) void executor.perform(wish).then(note);
	}

	function tick(): void {
		const now = performance.now();
		budget = Math.min(ordersPerSecond / 5 + 1, budget + ((now - last) * ordersPerSecond) / 1_000);
		last = now;
		if (now < breaker.openUntil || !guard.isOpen()) return;
		const symbols = view.symbols();
		for (let tried = 0; tried < symbols.length && budget >= 1; tried += 1) {
			turn += 1;
			const symbol = symbols[turn % symbols.length];
			if (symbol !== undefined) trade(symbol);
		}
	}

	const timer = setInterval(tick, tickMilliseconds);
	return {
		spend() {
			budget -= 1;
		},
		breaker: () => breaker,
		stop: () => clearInterval(timer),
	};
}

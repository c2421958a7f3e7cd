import { wallNow } from "./clock.ts";
import type { VenueEvent } from "./events.ts";
import { createExchange, type Replacement, type Report } from "./exchange.ts";
import { createJudge, type Judgement } from "./judge.ts";
import { openLog } from "./log.ts";
import { makerAccount, startMaker } from "./maker.ts";
import { createVenueMetrics } from "./metrics.ts";
import type { Order } from "./order.ts";
import type { Faults } from "./requests.ts";
import { type Quote, quoteOf, type SymbolState, symbolState } from "./snapshot.ts";

/** Settings of {@link createVenue}. */
export type VenueOptions = {
	readonly symbols: readonly string[];
	readonly seed: number;
	/** Where its log goes; undefined: nowhere. */
	readonly log?: string;
	readonly faults: Faults;
};

/** An answer to an order: what became of it, and what the account has in its symbol then. */
export type OrderAnswer = Report & { readonly state: SymbolState };

/** What the log of the venue says about an account. */
export type JudgeAnswer = Judgement & {
	readonly account: string;
	readonly since: number;
	/** Milliseconds since 1970. */
	readonly now: number;
	/** Signed, by symbol; those that are flat are left out. */
	readonly positions: Readonly<Record<string, number>>;
	readonly restingOrders: number;
};

/** A venue, without its HTTP. */
export type Venue = ReturnType<typeof createVenue>;

/** Makes a venue whose market maker has quoted. */
export function createVenue({ symbols, seed, log: file, faults: first }: VenueOptions) {
	const judge = createJudge(wallNow());
	const log = openLog(file);
	const isClient = (account: string) => account !== makerAccount;
	const exchange = createExchange(symbols, note);
	const metrics = createVenueMetrics(exchange, isClient);
	let faults = first;
	const market = startMaker(exchange, seed);

	// The market maker would fill the log, and nobody judges it.
	function note(event: VenueEvent): void {
		if (!isClient(event.account)) return;
		log.note(event);
		judge.note(event, wallNow());
		metrics.note(event);
	}

	function state(account: string, symbol: string): SymbolState {
		return symbolState(exchange, account, symbol, market.mid(symbol));
	}

	function answer({ account, symbol }: Pick<Order, "account" | "symbol">, report: Report): OrderAnswer {
		log.flush();
		return { ...report, state: state(account, symbol) };
	}

	function cancel(account: string, isMeant: Parameters<typeof exchange.cancel>[1]) {
		if (faults.rejectCancelsOf?.includes(account) === true) {
			const meant = symbols.flatMap((symbol) => exchange.orders(account, symbol)).filter(isMeant);
			for (const { instance, clientOrderId, symbol, quantity } of meant) {
				const subject = { account, instance, clientOrderId, symbol };
				note({ event: "cancel", result: "rejected", by: "client", ...subject, quantity });
			}
			log.flush();
			return { result: "rejected", reason: "Fault", cancelled: 0 } as const;
		}
		const cancelled = exchange.cancel(account, isMeant);
		log.flush();
		return { result: "accepted", cancelled } as const;
	}

	return {
		symbols,
		registry: metrics.registry,
		submit: (order: Order): OrderAnswer =>
			answer(order, faults.rejectOrders === true ? exchange.reject(order, "Fault") : exchange.submit(order)),
		replace(change: Replacement): OrderAnswer {
			const rejected = {
				result: "rejected",
				clientOrderId: change.clientOrderId,
				effect: "reduces",
			} as const;
			const isFault = faults.rejectCancelsOf?.includes(change.account) === true;
			if (isFault) return answer(change, { ...rejected, reason: "Fault" });
			return answer(change, exchange.replace(change) ?? { ...rejected, reason: "UnknownOrder" });
		},
		cancel,
		/** All symbols of an account. */
		account: (account: string): readonly SymbolState[] => symbols.map((symbol) => state(account, symbol)),
		version: exchange.version,
		quotes(): readonly Quote[] {
			const at = wallNow();
			return symbols.map((symbol) => quoteOf(exchange, symbol, market.mid(symbol), at));
		},
		/** The next step of the market. */
		step(): void {
			market.step();
			log.flush();
		},
		judge(account: string, since: number): JudgeAnswer {
			const held = symbols
				.map((symbol) => [symbol, exchange.position(account, symbol).quantity] as const)
				.filter(([, quantity]) => quantity !== 0);
			return {
				account,
				since,
				now: wallNow(),
				...judge.judge(account, since),
				positions: Object.fromEntries(held),
				restingOrders: symbols.reduce((sum, symbol) => sum + exchange.orders(account, symbol).length, 0),
			};
		},
		faults: () => faults,
		setFaults(next: Faults): void {
			faults = next;
		},
		close: () => log.close(),
	};
}

import { wallNow } from "../venue/clock.ts";
import type { VenueClient } from "./venue-client.ts";

/** What the venue shows of one account. */
export type SeenAccount = {
	readonly account: string;
	/** Of the last two seconds, rejected ones included. */
	readonly ordersPerSecond: number;
	/** Units of all symbols, without sign. */
	readonly held: number;
	/** Realised and open, in the currency of the venue. */
	readonly profit: number;
	/** Orders that take risk, accepted since the halt was confirmed; undefined while no halt is confirmed. */
	readonly riskSinceHalt?: number;
};

/** Settings of {@link watchMarket}. */
export type MarketOptions = {
	readonly venue: VenueClient;
	readonly accounts: readonly string[];
	/** When the halt was confirmed, milliseconds since 1970; undefined while none is. */
	readonly haltedAt: () => number | undefined;
	readonly onError: (error: unknown) => void;
};

const INTERVAL_MILLISECONDS = 500;
const RATE_SECONDS = 2;

/** Asks the venue twice a second. `rows` are undefined until it has answered, and while it does not. */
export function watchMarket({ venue, accounts, haltedAt, onError }: MarketOptions) {
	let rows: readonly SeenAccount[] | undefined;
	let isStopped = false;
	let timer: NodeJS.Timeout | undefined;

	async function seenOf(account: string): Promise<SeenAccount> {
		const halted = haltedAt();
		const [states, recent, since] = await Promise.all([
			venue.account(account),
			venue.judge(account, wallNow() - RATE_SECONDS * 1_000),
			halted === undefined ? undefined : venue.judge(account, halted),
		]);
		const orders = recent.riskTaking + recent.riskReducing + recent.rejected;
		return {
			account,
			ordersPerSecond: orders / RATE_SECONDS,
			held: states.reduce((sum, { quantity }) => sum + Math.abs(quantity), 0),
			profit: states.reduce((sum, { realised, unrealised }) => sum + realised + unrealised, 0),
			...(since !== undefined && { riskSinceHalt: since.riskTaking }),
		};
	}

	async function ask(): Promise<void> {
		try {
			rows = await Promise.all(accounts.map(seenOf));
		} catch (error) {
			rows = undefined;
			if (!isStopped) onError(error);
		}
		if (!isStopped) timer = setTimeout(begin, INTERVAL_MILLISECONDS);
	}

	let asking: Promise<void> = Promise.resolve();
	function begin(): void {
		asking = ask();
	}
	begin();
	return {
		rows: () => rows,
		async stop(): Promise<void> {
			isStopped = true;
			clearTimeout(timer);
			await asking;
		},
	};
}

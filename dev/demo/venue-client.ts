import { Agent, request } from "undici";
import type { SymbolState } from "../venue/snapshot.ts";
import type { JudgeAnswer } from "../venue/venue.ts";

/** Asks a venue. What cannot be asked rejects. */
export type VenueClient = {
	readonly account: (account: string) => Promise<readonly SymbolState[]>;
	/** What its log says about an account since a time (milliseconds since 1970). */
	readonly judge: (account: string, since: number) => Promise<JudgeAnswer>;
	readonly close: () => Promise<void>;
};

const MILLISECONDS = 5_000;

/** A client of the venue at this origin. */
export function venueClient(origin: string): VenueClient {
	const dispatcher = new Agent({ connections: 4 });
	async function get<T>(path: string): Promise<T> {
		const signal = AbortSignal.timeout(MILLISECONDS);
		const { body } = await request(`${origin}${path}`, { dispatcher, signal });
		return (await body.json()) as T;
	}
	return {
		account: (account) => get(`/account?account=${account}`),
		judge: (account, since) => get(`/judge?account=${account}&since=${since}`),
		close: () => dispatcher.destroy(),
	};
}

import type { Order } from "../../../dev/venue/order.ts";
import type { Quote, SymbolState } from "../../../dev/venue/snapshot.ts";
import type { JudgeAnswer, OrderAnswer } from "../../../dev/venue/venue.ts";
import type { Scope } from "../../support/scope.ts";
import { startTestProgram } from "./program.ts";

/** A venue as a process, and what a test asks of it. */
export type TestVenue = Awaited<ReturnType<typeof startTestVenue>>;

/** An order for 1 unit at the market, with what a test wants otherwise. */
export function orderOf(rest: Partial<Order> = {}): Order {
	return {
		account: "a",
		instance: "test",
		clientOrderId: crypto.randomUUID(),
		symbol: "BTC",
		side: "buy",
		type: "market",
		quantity: 1,
		...rest,
	};
}

/** Starts a venue for this test. */
export async function startTestVenue(t: Scope, ...args: string[]) {
	const program = await startTestProgram<{ readonly port: number }>(t, "dev/venue/main.ts", args);
	const url = `http://127.0.0.1:${program.ready.port}`;

	async function get<T>(path: string): Promise<T> {
		return (await (await fetch(`${url}${path}`)).json()) as T;
	}

	async function post<T>(path: string, body: object): Promise<T> {
		return (await (await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) })).json()) as T;
	}

	return {
		url,
		program,
		post,
		submit: (order: Order) => post<OrderAnswer>("/orders", order),
		judge: (account: string, since = 0) => get<JudgeAnswer>(`/judge?since=${since}&account=${account}`),
		account: (account: string) => get<readonly SymbolState[]>(`/account?account=${account}`),
		quotes: () => get<readonly Quote[]>("/quotes"),
		metrics: async () => (await fetch(`${url}/metrics`)).text(),
		status: async (path: string, body: string) =>
			(await fetch(`${url}${path}`, { method: "POST", body })).status,
	};
}

import { Counter, Gauge, Registry } from "prom-client";
import type { VenueEvent } from "./events.ts";
import type { Exchange } from "./exchange.ts";

/** The metrics of a venue, in a registry of their own. `isShown`: which accounts. */
export function createVenueMetrics(exchange: Exchange, isShown: (account: string) => boolean) {
	const registry = new Registry();
	const registers = [registry];
	const seen = new Set<string>();
	const orders = new Counter({
		name: "venue_orders_total",
		help: "Orders by account, what they would do to its risk, and whether they were accepted.",
		labelNames: ["account", "effect", "result"] as const,
		registers,
	});
	const gauge = (name: string, help: string, valueIn: (account: string, symbol: string) => number) =>
		new Gauge({
			name,
			help,
			labelNames: ["account", "symbol"] as const,
			registers,
			collect() {
				for (const account of seen) {
					for (const symbol of exchange.symbols) this.set({ account, symbol }, valueIn(account, symbol));
				}
			},
		});
	gauge(
		"venue_position",
		"What an account holds; sold short is negative.",
		(account, symbol) => exchange.position(account, symbol).quantity,
	);
	gauge(
		"venue_resting_orders",
		"Orders of an account that rest, stops among them.",
		(account, symbol) => exchange.orders(account, symbol).length,
	);
	return {
		registry,
		note(event: VenueEvent): void {
			if (!isShown(event.account)) return;
			seen.add(event.account);
			if (event.event !== "order") return;
			const { account, effect, result } = event;
			orders.inc({ account, effect, result });
		},
	};
}

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Breaker } from "./breaker.ts";
import type { Outcome } from "./hands.ts";
import { restingCount } from "./positions.ts";
import type { View } from "./view.ts";

/** What the metrics are read from when they are asked for. */
export type Sight = {
	readonly view: View;
	readonly breaker: () => Breaker;
	readonly isOpen: () => boolean;
};

/** The metrics of a bot: one registry for each of its ports. */
export type BotMetrics = ReturnType<typeof createBotMetrics>;

/** Makes them. Durations are in seconds. */
export function createBotMetrics({ view, breaker, isOpen }: Sight) {
	const main = new Registry();
	const circuitBreaker = new Registry();
	const risk = new Registry();
	const orders = new Registry();
	const memory = new Registry();

	const gauge = (registry: Registry, name: string, help: string, read: () => number) =>
		new Gauge({
			name,
			help,
			registers: [registry],
			collect() {
				this.set(read());
			},
		});
	gauge(main, "bot_gate_open", "1 while the bot may open or grow a position.", () => Number(isOpen()));
	const permits = new Counter({
		name: "bot_permits_total",
		help: "Messages that the gate took in, by what it applied.",
		labelNames: ["applied"] as const,
		registers: [main],
	});
	new Counter({
		name: "cb_trips_total",
		help: "Times the circuit breaker of the bot tripped.",
		registers: [circuitBreaker],
		collect() {
			this.reset();
			this.inc(breaker().trips);
		},
	});
	gauge(circuitBreaker, "cb_open", "1 while the circuit breaker lets no order out.", () =>
		Number(performance.now() < breaker().openUntil),
	);
	gauge(
		risk,
		"risk_positions_open",
		"Symbols of which something is held.",
		() => view.states().filter(({ quantity }) => quantity !== 0).length,
	);
	gauge(risk, "risk_unrealised", "Gain of what is held at the last price, in money.", () =>
		view.states().reduce((sum, state) => sum + state.unrealised, 0),
	);
	new Gauge({
		name: "risk_position",
		help: "What is held; sold short is negative.",
		labelNames: ["symbol"] as const,
		registers: [risk],
		collect() {
			for (const { symbol, quantity } of view.states()) this.set({ symbol }, quantity);
		},
	});
	gauge(orders, "orders_resting", "Orders that rest at the venue, stops and targets among them.", () =>
		restingCount(view.states()),
	);
	const latency = new Histogram({
		name: "order_latency_seconds",
		help: "From the decision to send an order to the answer of the venue.",
		buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
		registers: [orders],
	});
	const outcomes = new Counter({
		name: "orders_sent_total",
		help: "Orders by what became of them; refused: by the gate, nothing was sent.",
		labelNames: ["outcome"] as const,
		registers: [orders],
	});
	gauge(memory, "memory_allocated_bytes", "Memory that the process holds.", () => process.memoryUsage.rss());
	gauge(memory, "memory_heap_used_bytes", "Heap in use.", () => process.memoryUsage().heapUsed);
	return {
		main,
		circuitBreaker,
		risk,
		orders,
		memory,
		notePermit: (applied: string) => permits.inc({ applied }),
		noteOrder(seconds: number, outcome: Outcome): void {
			outcomes.inc({ outcome });
			if (outcome !== "refused") latency.observe(seconds);
		},
	};
}

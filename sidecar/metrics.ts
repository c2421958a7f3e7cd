import { Counter, Gauge, Histogram, Registry } from "prom-client";

const fast = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** The metrics of one sidecar, in a registry of their own. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes the metrics. Durations are in seconds. */
export function createMetrics() {
	const registry = new Registry();
	const registers = [registry];
	return {
		registry,
		presses: new Counter({
			name: "tradingsafety_estop_presses_total",
			help: "Presses, by the serial of the device.",
			labelNames: ["serial"] as const,
			registers,
		}),
		armed: new Gauge({
			name: "tradingsafety_estop_armed",
			help: "1 while the device works and a press would get through, 0 otherwise.",
			labelNames: ["serial"] as const,
			registers,
		}),
		fault: new Gauge({
			name: "tradingsafety_estop_fault",
			help: "1 while this fault of the device stands, 0 otherwise.",
			labelNames: ["serial", "fault"] as const,
			registers,
		}),
		impostors: new Counter({
			name: "tradingsafety_estop_impostors_total",
			help: "Devices that took the place of one that a desk pins, by desk.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		damaged: new Counter({
			name: "tradingsafety_estop_damaged_reports_total",
			help: "Reports that arrived damaged, by what was wrong.",
			labelNames: ["serial", "why"] as const,
			registers,
		}),
		shownSeconds: new Histogram({
			name: "tradingsafety_estop_raise_seconds",
			help: "From a readable report to the answer that shows the raise, by desk.",
			labelNames: ["namespace"] as const,
			buckets: fast,
			registers,
		}),
		toldSeconds: new Histogram({
			name: "tradingsafety_estop_bot_seconds",
			help: "From a readable report to the acknowledgement of a bot that was told straight.",
			labelNames: ["namespace"] as const,
			buckets: fast,
			registers,
		}),
		deleted: new Counter({
			name: "tradingsafety_estop_deleted_pods_total",
			help: "Pods that the sidecar told to stop, since nobody else had.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		recordState: new Gauge({
			name: "tradingsafety_estop_record_state",
			help: "1 for how the record of this sidecar stands (Current, Behind, Failing), 0 for the others; nothing where none is kept.",
			labelNames: ["state"] as const,
			registers,
		}),
		errors: new Counter({
			name: "tradingsafety_estop_errors_total",
			help: "Failures by where they happened.",
			labelNames: ["where"] as const,
			registers,
		}),
	};
}

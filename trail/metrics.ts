import { Counter, Gauge, Histogram, Registry } from "prom-client";

const slow = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics of one trail, in a registry of their own. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes the metrics. Durations are in seconds. */
export function createMetrics() {
	const registry = new Registry();
	const registers = [registry];
	return {
		registry,
		entries: new Counter({
			name: "tradingsafety_trail_entries_total",
			help: "Entries that this trail has brought into the log, by kind.",
			labelNames: ["kind"] as const,
			registers,
		}),
		refused: new Counter({
			name: "tradingsafety_trail_refused_total",
			help: "Entries that somebody handed over and that cannot be in this log.",
			registers,
		}),
		rounds: new Counter({
			name: "tradingsafety_trail_rounds_total",
			help: "Rounds: each ends with a checkpoint in the store.",
			registers,
		}),
		roundSeconds: new Histogram({
			name: "tradingsafety_trail_round_seconds",
			help: "From the first call of a round to the store to its end.",
			buckets: slow,
			registers,
		}),
		size: new Gauge({
			name: "tradingsafety_trail_size",
			help: "Entries in the log, as far as this trail has seen.",
			registers,
		}),
		lastStored: new Gauge({
			name: "tradingsafety_trail_last_stored_timestamp_seconds",
			help: "When a round last ended.",
			registers,
		}),
		failures: new Counter({
			name: "tradingsafety_trail_failures_total",
			help: "What failed and is tried again, by the code of the error.",
			labelNames: ["where", "code"] as const,
			registers,
		}),
		requests: new Counter({
			name: "tradingsafety_trail_requests_total",
			help: "Requests, by path and status of the answer.",
			labelNames: ["path", "status"] as const,
			registers,
		}),
		waitingBytes: new Gauge({
			name: "tradingsafety_trail_waiting_bytes",
			help: "Bytes of requests that are not answered yet.",
			labelNames: ["path"] as const,
			registers,
		}),
		kubeAuditEvents: new Counter({
			name: "tradingsafety_trail_kube_audit_events_total",
			help: "Audit events of API servers, by what became of them: Recorded, Folded, Ignored, Unchanged, Repeated, Malformed.",
			labelNames: ["outcome"] as const,
			registers,
		}),
		kubeAuditHeard: new Gauge({
			name: "tradingsafety_trail_kube_audit_heard_timestamp_seconds",
			help: "When an API server last sent audit events.",
			registers,
		}),
		denials: new Counter({
			name: "tradingsafety_trail_denials_total",
			help: "Attempts that API servers refused, by who refused: Policy, Rights or Schema.",
			labelNames: ["by"] as const,
			registers,
		}),
		witnessFailures: new Counter({
			name: "tradingsafety_trail_witness_failures_total",
			help: "Checkpoints that the witness did not sign.",
			registers,
		}),
		ownBehind: new Gauge({
			name: "tradingsafety_trail_own_entries_behind",
			help: "Entries of this trail itself that are not in the store yet.",
			registers,
		}),
		verified: new Gauge({
			name: "tradingsafety_trail_verified_timestamp_seconds",
			help: "When a verification of the whole log last came to an end.",
			registers,
		}),
		findings: new Gauge({
			name: "tradingsafety_trail_findings",
			help: "What that verification found wrong; -1 when it could not be done.",
			registers,
		}),
	};
}

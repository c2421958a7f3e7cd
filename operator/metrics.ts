import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { CallRecord } from "../kube/client.ts";

const fast = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** The metrics of one operator replica, in a registry of their own. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes the metrics. Durations are in seconds. */
export function createMetrics() {
	const registry = new Registry();
	const registers = [registry];
	const calls = new Histogram({
		name: "tradingsafety_api_call_seconds",
		help: "Calls to the API server, from the request to the gateway to the answer.",
		labelNames: ["verb", "resource", "code", "priority"] as const,
		buckets: fast,
		registers,
	});
	return {
		registry,
		onCall: ({ verb, resource, code, priority, seconds }: CallRecord) =>
			calls.observe({ verb, resource, code, priority }, seconds),
		stages: new Histogram({
			name: "tradingsafety_stage_seconds",
			help: "From this replica seeing a transition to the end of a stage of it.",
			labelNames: ["stage", "to"] as const,
			buckets: fast,
			registers,
		}),
		effects: new Counter({
			name: "tradingsafety_effects_total",
			help: "Things done to stop, release or restore, by result.",
			labelNames: ["effect", "result"] as const,
			registers,
		}),
		permits: new Counter({
			name: "tradingsafety_permits_total",
			help: "Permits and raises sent to pods, by result.",
			labelNames: ["result"] as const,
			registers,
		}),
		permitSeconds: new Histogram({
			name: "tradingsafety_permit_seconds",
			help: "From sending a permit or a raise to the answer of the pod.",
			buckets: fast,
			registers,
		}),
		silentPods: new Counter({
			name: "tradingsafety_silent_pods_total",
			help: "Pods that did not acknowledge a raise in time.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		failedRestores: new Counter({
			name: "tradingsafety_failed_restores_total",
			help: "Restores that did not get ready in time, so that the desk was raised again.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		rehearsals: new Counter({
			name: "tradingsafety_rehearsals_total",
			help: "Calls of a halt that were tried by dry run, by result.",
			labelNames: ["trial", "result"] as const,
			registers,
		}),
		definitionServed: new Gauge({
			name: "tradingsafety_definition_served",
			help: "1 while the API server serves TradingSafety, 0 when its definition is gone, and the fence with it.",
			registers,
		}),
		errors: new Counter({
			name: "tradingsafety_errors_total",
			help: "Failures by where they happened.",
			labelNames: ["where"] as const,
			registers,
		}),
		apiServerSwitches: new Counter({
			name: "tradingsafety_api_server_switches_total",
			help: "Times this replica left an API server that did not answer for another, by the one taken.",
			labelNames: ["server"] as const,
			registers,
		}),
		relists: new Counter({
			name: "tradingsafety_relists_total",
			help: "Times a collection was listed again, by resource and reason.",
			labelNames: ["resource", "reason"] as const,
			registers,
		}),
		reverted: new Counter({
			name: "tradingsafety_reverted_total",
			help: "Times that somebody let a stopped workload grow again, by its namespace and kind.",
			labelNames: ["namespace", "kind"] as const,
			registers,
		}),
		eventsLost: new Counter({
			name: "tradingsafety_events_lost_total",
			help: "Kubernetes events that could not be written.",
			registers,
		}),
		regressions: new Counter({
			name: "tradingsafety_history_regressed_total",
			help: "Times a desk was found milder than remembered, although nobody lowered it.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		memoryDurable: new Gauge({
			name: "tradingsafety_memory_durable",
			help: "1 while what is remembered is on disk, 0 without --state-dir, -1 while the disk fails.",
			registers,
		}),
		recorded: new Counter({
			name: "tradingsafety_recorded_total",
			help: "What this replica has recorded, by kind of entry.",
			labelNames: ["kind"] as const,
			registers,
		}),
		recordStored: new Counter({
			name: "tradingsafety_record_stored_total",
			help: "Entries of this replica that are in the audit store.",
			registers,
		}),
		recordState: new Gauge({
			name: "tradingsafety_record_state",
			help: "1 while all that was recorded is in the audit store, 0 while it is on disk, -1 while the disk fails.",
			registers,
		}),
		recordWaiting: new Gauge({
			name: "tradingsafety_record_waiting",
			help: "Entries of this replica that are not in the audit store.",
			registers,
		}),
		clockOffset: new Gauge({
			name: "tradingsafety_clock_offset_seconds",
			help: "How far the API server's clock is from this machine's, where it is more than 5 s.",
			registers,
		}),
		mode: new Gauge({
			name: "tradingsafety_mode",
			help: "The mode asked for: 0 Normal, 1 Pause, 2 Reduce, 3 Emergency.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		frozen: new Gauge({
			name: "tradingsafety_frozen",
			help: "1 while the desk is frozen.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		observing: new Gauge({
			name: "tradingsafety_observing",
			help: "1 while the desk only observes: it warns and plans, and touches nothing.",
			labelNames: ["namespace"] as const,
			registers,
		}),
		condition: new Gauge({
			name: "tradingsafety_condition",
			help: "Conditions of a desk: 1 True, 0 False, -1 Unknown.",
			labelNames: ["namespace", "type"] as const,
			registers,
		}),
		leader: new Gauge({
			name: "tradingsafety_leader",
			help: "1 while this replica holds the lease.",
			registers,
		}),
		watchAge: new Gauge({
			name: "tradingsafety_watch_proof_age_seconds",
			help: "How long ago the watch of the desks last agreed with a plain read.",
			registers,
		}),
		fenceAge: new Gauge({
			name: "tradingsafety_fence_proof_age_seconds",
			help: "How long ago the fence was last seen to deny, by namespace; -1 when never.",
			labelNames: ["namespace"] as const,
			registers,
		}),
	};
}

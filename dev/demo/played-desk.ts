import type { DeskPlan, Part } from "./desk.ts";

const none = { Normal: [], Pause: [], Reduce: [], Emergency: [], AfterEmergency: [] } as const;
const stoppedInPause: readonly Part[] = ["bots", "strategies", "liquidator"];

/**
 * The desk on somebody's cluster: pods that only sleep. Nobody tells them anything, so Signal is Stop. One bot was
 * parked by hand: a restore must leave it so.
 */
export const playedDesk: DeskPlan = {
	workloads: [
		{ kind: "Deployment", name: "risk-monitor", part: "risk", replicas: 1 },
		{ kind: "Deployment", name: "order-gateway", part: "gateway", replicas: 2 },
		{ kind: "Deployment", name: "bot-momentum", part: "bots", replicas: 3 },
		{ kind: "Deployment", name: "bot-arbitrage", part: "bots", replicas: 2 },
		{ kind: "StatefulSet", name: "bot-maker", part: "bots", replicas: 3 },
		{ kind: "Deployment", name: "bot-parked", part: "bots", replicas: 0 },
		{ kind: "Deployment", name: "strategy-pairs", part: "strategies", replicas: 2 },
		{ kind: "Deployment", name: "liquidator", part: "liquidator", replicas: 0 },
	],
	targets: [
		{ name: "risk", preset: "Risk" },
		{ name: "gateway", preset: "Gateway" },
		{ name: "bots", preset: "Bot" },
		{ name: "strategies", preset: "Strategy" },
		{ name: "liquidator", preset: "Liquidator" },
	],
	stoppedIn: {
		Normal: ["liquidator"],
		Pause: stoppedInPause,
		Reduce: ["bots", "strategies"],
		Emergency: ["gateway", "bots", "strategies"],
		AfterEmergency: stoppedInPause,
	},
	startedIn: { ...none, Reduce: ["liquidator"], Emergency: ["liquidator"] },
	silentIn: none,
	deadline: { parts: [], milliseconds: 0, slackMilliseconds: 0 },
};

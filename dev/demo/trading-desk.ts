import type { Kind } from "../bots/kinds.ts";
import { pinnedBox } from "./button.ts";
import type { DeskPlan } from "./desk.ts";

/** The process behind each pod of a workload, and the accounts at the venue that it trades for, the first one first of all. */
export type Program = {
	readonly kind: Kind;
	readonly account: string;
	readonly alsoAccounts?: readonly string[];
};

/** The processes of the desk, by workload. The split desk has one account, whichever of its processes acts. */
export const programs: Readonly<Record<string, Program>> = {
	"risk-monitor": { kind: "risk", account: "split" },
	"order-gateway": { kind: "gateway", account: "split" },
	"bot-momentum": { kind: "bot", account: "momentum" },
	"bot-parked": { kind: "bot", account: "parked" },
	"bot-restarter": { kind: "restarter", account: "restarter" },
	"bot-liar": { kind: "liar", account: "liar" },
	"strategy-pairs": { kind: "strategy", account: "split" },
	"bot-hanger": { kind: "hanger", account: "hanger" },
	"bot-deaf": { kind: "deaf", account: "deaf" },
	liquidator: { kind: "liquidator", account: "split", alsoAccounts: ["liar", "hanger", "deaf"] },
};

/** The accounts that trade. */
export const accounts = ["momentum", "split", "restarter", "liar", "hanger", "deaf"] as const;
/** Who brings a position down when told to. */
export const obedient = ["momentum", "split", "restarter"] as const;
/** Who acknowledges every word and trades on: only the venue can tell. */
export const liar = "liar";

/** Seconds from Emergency until every bot is stopped, whatever it answered. */
const deadlineSeconds = 3;

const signal = {
	http: { port: 8090 },
	ttlSeconds: 3,
	ackMilliseconds: 500,
	onNoAck: "Stop",
} as const;
const bot = { preset: "Bot", signal, onEmergency: { action: "Signal", stop: { deadlineSeconds } } } as const;

const deployment = { kind: "Deployment", replicas: 1 } as const;

/**
 * The desk on the embedded cluster: behind each pod is a process that trades at a venue. The deaf takes no permits, so
 * its target names no way to tell it, and Signal is Stop. The hanger falls silent, which closes its target to new pods. Positions of whoever cannot be
 * told are closed by a liquidator in Emergency, and only there: in Reduce bots bring them down by themselves, slowly.
 */
export const tradingDesk: DeskPlan = {
	workloads: [
		{ ...deployment, name: "risk-monitor", part: "risk" },
		{ ...deployment, name: "order-gateway", part: "gateway" },
		{ ...deployment, name: "bot-momentum", part: "bots" },
		{ ...deployment, name: "bot-restarter", part: "bots" },
		{ ...deployment, name: "bot-liar", part: "bots" },
		{ ...deployment, name: "bot-parked", part: "bots", replicas: 0 },
		{ ...deployment, name: "strategy-pairs", part: "strategies" },
		{ ...deployment, name: "bot-hanger", part: "hanger" },
		{ ...deployment, name: "bot-deaf", part: "deaf" },
		{ ...deployment, name: "liquidator", part: "liquidator", replicas: 0 },
	],
	targets: [
		{ name: "risk", preset: "Risk" },
		{ name: "gateway", preset: "Gateway", signal },
		{ name: "bots", ...bot },
		{ name: "strategies", preset: "Strategy", signal },
		{ name: "hanger", ...bot },
		{ name: "deaf", preset: "Bot" },
		{ name: "liquidator", preset: "Liquidator", signal, onReduce: { action: "Stop" } },
	],
	reduce: { overSeconds: 6, stopTightenPercent: 50 },
	estop: pinnedBox(),
	stoppedIn: {
		Normal: ["liquidator"],
		Pause: ["deaf", "liquidator"],
		Reduce: ["deaf", "liquidator"],
		Emergency: ["gateway", "bots", "strategies", "hanger", "deaf"],
		AfterEmergency: ["bots", "strategies", "hanger", "deaf", "liquidator"],
	},
	startedIn: { Normal: [], Pause: [], Reduce: [], Emergency: ["liquidator"], AfterEmergency: [] },
	silentIn: { Normal: [], Pause: ["hanger"], Reduce: ["hanger"], Emergency: [], AfterEmergency: [] },
	deadline: { parts: ["bots", "hanger"], milliseconds: deadlineSeconds * 1_000, slackMilliseconds: 5_000 },
};

import type { TargetSpec } from "../../../crds/spec.ts";
import type { TradingSafety } from "../../../crds/types.ts";

// What the API server would show, written from the design and not from core: the words are the same, the
// code is not. Signal counts as Stop as long as there are no permits.

type Row = Readonly<Record<"Normal" | "Pause" | "Reduce" | "Emergency" | "Freeze", "Run" | "Start" | "Stop">>;

/** A target of the simulated desk, with what each column does to it. */
export type WorldTarget = { readonly spec: TargetSpec; readonly row: Row };

const app = (name: string) => ({ matchLabels: { app: name } });

/** The targets that a simulated desk is made of. The last one overlaps with the others. */
export const worldTargets: readonly WorldTarget[] = [
	{
		spec: { name: "bots", preset: "Bot", selector: app("bot") },
		row: { Normal: "Run", Pause: "Stop", Reduce: "Stop", Emergency: "Stop", Freeze: "Stop" },
	},
	{
		spec: { name: "gateways", preset: "Gateway", selector: app("gateway") },
		row: { Normal: "Run", Pause: "Run", Reduce: "Run", Emergency: "Stop", Freeze: "Stop" },
	},
	{
		spec: { name: "risk", preset: "Risk", selector: app("risk") },
		row: { Normal: "Run", Pause: "Run", Reduce: "Run", Emergency: "Run", Freeze: "Run" },
	},
	{
		spec: { name: "liquidators", preset: "Liquidator", selector: app("liquidator") },
		row: { Normal: "Stop", Pause: "Stop", Reduce: "Start", Emergency: "Start", Freeze: "Stop" },
	},
	{
		spec: {
			name: "europe",
			selector: { matchExpressions: [{ key: "region", operator: "In", values: ["eu", "uk"] }] },
			onPause: { action: "Keep" },
			onReduce: { action: "Stop" },
			onEmergency: { action: "Stop" },
		},
		row: { Normal: "Run", Pause: "Run", Reduce: "Stop", Emergency: "Stop", Freeze: "Stop" },
	},
];

const severity = ["Normal", "Pause", "Reduce", "Emergency", "Freeze"] as const;
type Column = (typeof severity)[number];

/** Place of a column in the order of severity. */
export const severityOf = (column: string): number => severity.indexOf(column as Column);

/** Does this target select these labels? */
export function selects(target: WorldTarget, labels: Readonly<Record<string, string>>): boolean {
	return target.spec.name === "europe"
		? labels.region === "eu" || labels.region === "uk"
		: labels.app === target.spec.selector.matchLabels?.app;
}

/** The targets of the desk that select these labels. */
export function targetsFor(
	desk: TradingSafety,
	labels: Readonly<Record<string, string>>,
): readonly WorldTarget[] {
	return worldTargets.filter(
		(target) =>
			desk.spec.targets?.some(({ name }) => name === target.spec.name) === true && selects(target, labels),
	);
}

/** The column that spec asks for against one target. */
export function askedFor(desk: TradingSafety, name: string): Column {
	if (desk.spec.freeze === true) return "Freeze";
	const asked = [desk.spec.mode ?? "Emergency", desk.spec.targetModes?.[name] ?? "Normal"];
	return severity[Math.max(...asked.map(severityOf))] ?? "Emergency";
}

/** The column that status holds against one target, if any. */
export const heldAgainst = (desk: TradingSafety, name: string): Column | undefined =>
	desk.status?.targets?.find((target) => target.name === name)?.fencedAs;

/** Does the desk say that nothing is to be touched? */
export const isObserving = (desk: TradingSafety): boolean => desk.spec.enforcement === "Observe";

/** Is this target closed, by what is asked for or by what is still held? Nothing is where a desk only observes. */
export function isClosed(desk: TradingSafety, target: WorldTarget): boolean {
	if (isObserving(desk)) return false;
	const name = target.spec.name;
	const mayStart = desk.status?.targets?.find((row) => row.name === name)?.startAllowed === true;
	const held = heldAgainst(desk, name);
	const columns = held === undefined ? [askedFor(desk, name)] : [askedFor(desk, name), held];
	return columns.some((column) => {
		const action = target.row[column];
		return action === "Stop" || (action === "Start" && !mayStart);
	});
}

/** What the fence says to a new pod with these labels. */
export const denies = (desk: TradingSafety, labels: Readonly<Record<string, string>>): boolean =>
	targetsFor(desk, labels).some((target) => isClosed(desk, target));

/** Does spec ask for anything but Normal? */
export const isHalted = (desk: TradingSafety): boolean =>
	desk.spec.freeze === true ||
	(desk.spec.targets ?? []).some(({ name }) => askedFor(desk, name) !== "Normal") ||
	desk.spec.mode !== "Normal";

/** May a mode go down from one to the other in one step? */
export const isStepDown = (from: string, to: string): boolean =>
	["Emergency>Pause", "Reduce>Pause", "Reduce>Normal", "Pause>Normal"].includes(`${from}>${to}`);

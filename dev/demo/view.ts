import { stripVTControlCharacters, styleText } from "node:util";
import type { TradingSafety } from "../../crds/types.ts";
import type { Suggestion } from "./commands.ts";
import type { Seen, SeenReplica } from "./sight.ts";

const HISTORY_ROWS = 5;
const HOLDS_SHOWN = 3;

/** What stands below the state: how to act on it. */
export type Help = { readonly preparation: readonly string[]; readonly suggestions: readonly Suggestion[] };

/** The whole view as lines. It shows moments and no ages, so that it changes only when something happens. */
export function renderView(seen: Seen, help: Help): readonly string[] {
	const { desk } = seen;
	if (desk === undefined) return ["The desk is not there.", ...notes(seen), "", ...operators(seen)];
	return [
		...state(desk),
		"",
		...targets(desk, seen),
		"",
		...history(desk),
		"",
		...operators(seen),
		...notes(seen),
		"",
		...advice(help),
	];
}

/** The state in one line, for where nothing can be drawn over; equal texts mean that nothing changed. */
export function renderLine({ desk, pods, leader, replicas, notes: told }: Seen): string {
	const ready = replicas.filter(({ readiness }) => readiness === "ready").length;
	const count = replicas.length === 0 ? "" : `, ${ready} of ${replicas.length} replicas ready`;
	const operator = `leader ${leader ?? "none"}${count}`;
	const note = told[0] === undefined ? "" : `; ${told[0]}`;
	if (desk === undefined) return `the desk is not there; ${operator}${note}`;
	const counts = (desk.spec.targets ?? []).map(({ name }) => {
		const mine = pods.filter(({ part }) => part === name);
		const stopping = mine.filter((pod) => pod.stopping).length;
		return `${name} ${mine.length - stopping}${stopping > 0 ? `+${stopping} stopping` : ""}`;
	});
	const { word, inForce, confirmed } = summary(desk);
	const first = desk.status?.holds?.[0];
	const hold = first === undefined ? "" : `; hold: ${first.message}`;
	return `${word}, in force ${inForce}, confirmed ${confirmed}; pods: ${counts.join(", ")}${hold}; ${operator}${note}`;
}

/** As many of the lines as a terminal has room for, counting long lines as the rows that they take. */
export function cutToFit(lines: readonly string[], columns: number, rows: number): readonly string[] {
	const heights = lines.map((line) =>
		Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
	);
	const total = heights.reduce((sum, height) => sum + height, 0);
	if (total <= rows) return lines;
	let used = 1;
	const kept = heights.findIndex((height) => {
		used += height;
		return used > rows;
	});
	return [...lines.slice(0, kept), `(${lines.length - kept} more lines: make the window larger)`];
}

function summary({ spec, status, metadata }: TradingSafety) {
	const condition = status?.conditions?.find(({ type }) => type === "Confirmed");
	const current = condition?.observedGeneration === metadata.generation;
	return {
		word: `${spec.mode ?? "Emergency"}${spec.freeze === true ? "+Freeze" : ""}`,
		inForce: status?.modeInForce ?? "nothing yet",
		confirmed: current ? (condition?.status ?? "Unknown") : "not yet",
		why: current ? (condition?.message ?? "") : "",
	};
}

function state(desk: TradingSafety): readonly string[] {
	const { spec, status, metadata } = desk;
	const { word, inForce, confirmed, why } = summary(desk);
	const by = spec.setBy === undefined ? "" : `by ${spec.setBy}`;
	const reason = spec.reason ? `: ${spec.reason}` : "";
	const { clearance } = status ?? {};
	const cleared =
		clearance !== undefined && clearance.generation === metadata.generation
			? `down to ${clearance.toMode}`
			: word === "Normal"
				? "nothing to lower"
				: "no";
	const holds = status?.holds ?? [];
	return [
		`${label("mode")}${modeColour(word)}  ${by}${reason}`,
		`${label("in force")}${modeColour(inForce)}`,
		`${label("confirmed")}${confirmed === "True" ? styleText("green", "yes", plain) : styleText("yellow", confirmed === "False" ? "no" : confirmed, plain)}${why === "" ? "" : `  ${why}`}`,
		`${label("cleared")}${cleared}`,
		...(holds.length === 0 ? [`${label("holds")}none`] : []),
		...holds
			.slice(0, HOLDS_SHOWN)
			.map(({ message }, index) => `${label(index === 0 ? "holds" : "")}${message}`),
		...(holds.length > HOLDS_SHOWN ? [`${label("")}and ${holds.length - HOLDS_SHOWN} more`] : []),
	];
}

function targets({ spec, status }: TradingSafety, { pods, workloads }: Seen): readonly string[] {
	const heading = `${"target".padEnd(12)}${"action".padEnd(8)}${"fence".padEnd(11)}${"running".padStart(8)}${"stopping".padStart(10)}${"left".padStart(6)}  workloads, ready of wanted`;
	const rows = (spec.targets ?? []).map(({ name }) => {
		const known = status?.targets?.find((target) => target.name === name);
		const mine = pods.filter(({ part }) => part === name);
		const stopping = mine.filter((pod) => pod.stopping).length;
		const owners = workloads
			.filter(({ part }) => part === name)
			.sort((a, b) => (a.name < b.name ? -1 : 1))
			.map((owner) => `${owner.name} ${owner.ready}/${owner.replicas}`);
		const cells = [
			name.padEnd(12),
			(known?.effective ?? "?").padEnd(8),
			(known?.fencedAs ?? "-").padEnd(11),
			String(mine.length - stopping).padStart(8),
			String(stopping).padStart(10),
			String(known?.unconfirmedCount ?? "-").padStart(6),
		];
		return `${cells.join("")}  ${owners.join("  ")}`;
	});
	return [styleText("dim", heading, plain), ...rows];
}

function history({ status }: TradingSafety): readonly string[] {
	const rows = (status?.history ?? []).slice(-HISTORY_ROWS).toReversed();
	return rows.map(({ time, from, to, actor, reason, override }) => {
		const how = override === true ? " by override" : "";
		return `${time.slice(11, 23)}  ${`${from} -> ${to}`.padEnd(22)}${how} ${actor ?? "?"}${reason ? `: ${reason}` : ""}`;
	});
}

function operators({ replicas, leader }: Seen): readonly string[] {
	if (replicas.length === 0) return [`${label("operator")}${leader ?? "none"}  of the cluster`];
	return replicas.map((replica, index) => {
		const leads = replica.identity === leader ? "leads" : "";
		return `${label(index === 0 ? "operator" : "")}${replica.name}  ${leads.padEnd(6)} ${readiness(replica)}  log ${replica.log}`;
	});
}

function readiness({ readiness: text }: SeenReplica): string {
	return text === "ready" ? text : styleText("red", text, plain);
}

function notes({ notes: told }: Seen): readonly string[] {
	return told.map((note, index) => `${label(index === 0 ? "note" : "")}${styleText("yellow", note, plain)}`);
}

function advice({ preparation, suggestions }: Help): readonly string[] {
	return [
		styleText("dim", "To try it, in another terminal (Ctrl-C here ends everything):", plain),
		...preparation,
		...suggestions.flatMap(({ does, command }) => [styleText("dim", `# ${does}`, plain), command]),
	];
}

/** Whether colours are shown is for the screen to decide, not for where this text is made. */
const plain = { validateStream: false } as const;

function label(text: string): string {
	return text.padEnd(12);
}

function modeColour(word: string): string {
	switch (word) {
		case "Normal":
			return styleText(["bold", "green"], word, plain);
		case "Pause":
		case "Reduce":
			return styleText(["bold", "yellow"], word, plain);
		default:
			return styleText(["bold", "red"], word, plain);
	}
}

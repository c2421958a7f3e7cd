import { dirname } from "node:path";
import { stripVTControlCharacters, styleText } from "node:util";
import type { TradingSafety } from "../../crds/types.ts";
import type { BoxSight } from "./button.ts";
import type { Suggestion } from "./commands.ts";
import type { SeenAccount } from "./market-sight.ts";
import type { Seen, SeenReplica } from "./sight.ts";

/** Presses the button, and turns it free. */
export const BUTTON_KEY = "e";

const HISTORY_ROWS = 5;
const HOLDS_SHOWN = 3;

/** What stands below the state: how to act on it. */
export type Help = { readonly preparation: readonly string[]; readonly suggestions: readonly Suggestion[] };

/** How much a terminal shows. */
export type Room = { readonly columns: number; readonly rows: number };

/**
 * The view as lines that fit. It shows moments and no ages, so that it changes only when something happens. Where
 * room is short the history gives way to a first command to try, and then the other commands to the rest.
 */
export function renderView(seen: Seen, help: Help, room: Room): readonly string[] {
	const { desk } = seen;
	if (desk === undefined) {
		return cutToFit(["The desk is not there.", ...notes(seen), "", ...operators(seen)], room);
	}
	// In a narrow window the end of a table matters less than the lines below it.
	const table = targets(desk, seen).map((line) => shorten(line, room.columns));
	const total = seen.market === undefined ? [] : [`${label("market")}${renderMarket(seen.market)}`, ""];
	const above = [...state(desk), "", ...table, "", ...total];
	const below = [...box(seen), ...operators(seen), ...notes(seen), "", ...howTo(help)];
	const commands = help.suggestions.map(renderSuggestion);
	let left = room.rows - height([...above, ...below], room);
	const reserved = height(commands[0] ?? [], room) + (commands.length > 1 ? 1 : 0);
	const market = accounts(seen.market ?? [], left - reserved - 1);
	left -= market.length === 0 ? 0 : market.length + 1;
	const past = upTo(history(desk), left - reserved - 1, room);
	left -= past.length === 0 ? 0 : height(past, room) + 1;
	const all = height(commands.flat(), room) <= left;
	const shown = all ? commands : commands.slice(0, upTo(commands, left - 1, room).length);
	const missing = commands.length - shown.length;
	const lines = [
		...above,
		...market,
		...(market.length === 0 ? [] : [""]),
		...past,
		...(past.length === 0 ? [] : [""]),
		...below,
		...shown.flat(),
		...(missing === 0 ? [] : [`(${missing} more commands to try: make the window larger)`]),
	];
	return cutToFit(lines, room);
}

/** Without its end where it is too long; for text without colours. */
function shorten(line: string, columns: number): string {
	return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}

/** Rows that lines take, long ones more than one. */
function height(lines: readonly string[], { columns }: Room): number {
	return lines.reduce(
		(sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
		0,
	);
}

/** The first of these that fit into so many rows. */
function upTo<T extends string | readonly string[]>(
	items: readonly T[],
	rows: number,
	room: Room,
): readonly T[] {
	let used = 0;
	const end = items.findIndex((item) => {
		used += height(typeof item === "string" ? [item] : item, room);
		return used > rows;
	});
	return end === -1 ? items : items.slice(0, end);
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
export function cutToFit(lines: readonly string[], room: Room): readonly string[] {
	if (height(lines, room) <= room.rows) return lines;
	const kept = upTo(lines, room.rows - 1, room);
	return [...kept, `(${lines.length - kept.length} more lines: make the window larger)`];
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
		`${label("cleared")}${cleared}${holds.length === 0 ? ", no holds" : ""}`,
		...holds
			.slice(0, HOLDS_SHOWN)
			.map(({ message }, index) => `${label(index === 0 ? "holds" : "")}${message}`),
		...(holds.length > HOLDS_SHOWN ? [`${label("")}and ${holds.length - HOLDS_SHOWN} more`] : []),
		...record(desk),
	];
}

/** Nothing where no record is kept. */
function record({ status }: TradingSafety): readonly string[] {
	const audit = status?.conditions?.find(({ type }) => type === "AuditCurrent");
	if (audit === undefined || status?.record === undefined) return [];
	const { generation } = status.record;
	if (audit.status === "True")
		return [`${label("record")}in the store, up to generation ${generation ?? "-"}`];
	return [`${label("record")}${styleText("yellow", audit.message, plain)}`];
}

function targets({ spec, status }: TradingSafety, { pods, workloads }: Seen): readonly string[] {
	const heading = `${"target".padEnd(12)}${"action".padEnd(8)}${"fence".padEnd(11)}${"running".padStart(8)}${"stopping".padStart(10)}${"left".padStart(6)}  ready of wanted`;
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
	return [heading, ...rows];
}

/** What the venue shows, in one line. */
export function renderMarket(market: readonly SeenAccount[]): string {
	const sum = (of: (row: SeenAccount) => number) => market.reduce((so, row) => so + of(row), 0);
	const rate = sum(({ ordersPerSecond }) => ordersPerSecond);
	const known = market.filter(({ riskSinceHalt }) => riskSinceHalt !== undefined);
	const takers = known.filter(({ riskSinceHalt = 0 }) => riskSinceHalt > 0);
	const who = takers.map(({ account, riskSinceHalt }) => `${riskSinceHalt} by ${account}`).join(", ");
	const none = known.length - takers.length;
	const halted =
		known.length === 0
			? ""
			: `; risk-taking orders accepted since the halt was confirmed: 0 by ${none} accounts${who === "" ? "" : `, ${who}`}`;
	const held = sum((row) => row.held);
	const profit = sum((row) => row.profit);
	return `${rate.toFixed(1)} orders/s, ${held} units held, P&L ${profit.toFixed(2)}${halted}`;
}

/** A row for each account; none where there is no room for all. */
function accounts(market: readonly SeenAccount[], rows: number): readonly string[] {
	if (market.length === 0 || market.length + 1 > rows) return [];
	const heading = `${"account".padEnd(12)}${"orders/s".padStart(8)}${"held".padStart(8)}${"P&L".padStart(12)}  risk-taking since the halt`;
	return [
		heading,
		...market.map(
			({ account, ordersPerSecond, held, profit, riskSinceHalt }) =>
				`${account.padEnd(12)}${ordersPerSecond.toFixed(1).padStart(8)}${String(held).padStart(8)}${profit.toFixed(2).padStart(12)}  ${riskSinceHalt ?? "-"}`,
		),
	];
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
	const each = replicas.map((replica) => {
		const leads = replica.identity === leader ? " leads" : "";
		return `${replica.name}${leads} ${readiness(replica)}`;
	});
	const logs = [...new Set(replicas.map(({ log }) => dirname(log)))].join(", ");
	return [`${label("operator")}${each.join(", ")}; logs in ${logs}`];
}

function readiness({ readiness: text }: SeenReplica): string {
	return text === "ready" ? text : styleText("red", text, plain);
}

function box({ button }: Seen): readonly string[] {
	return button === undefined ? [] : [`${label("e-stop")}${renderBox(button)}`];
}

/** What a person sees and hears at the box, and how it is moved. */
export function renderBox({ pressed, light, rhythm, buzzer }: BoxSight): string {
	const colour = ({ Off: "dim", Green: "green", Yellow: "yellow", Red: "red" } as const)[light];
	const shown = styleText(
		colour,
		`${light.toLowerCase()} ${rhythm.toLowerCase()}${buzzer ? ", buzzer" : ""}`,
		plain,
	);
	const key = pressed ? `key ${BUTTON_KEY} turns it free` : `key ${BUTTON_KEY} presses it`;
	return `${pressed ? "pressed" : "up"}, ${shown} (${key})`;
}

function notes({ notes: told }: Seen): readonly string[] {
	return told.map((note, index) => `${label(index === 0 ? "note" : "")}${styleText("yellow", note, plain)}`);
}

function howTo({ preparation }: Help): readonly string[] {
	const heading = "To try it, in another terminal (Ctrl-C here ends everything):";
	return [styleText("dim", heading, plain), ...preparation];
}

function renderSuggestion({ does, command }: Suggestion): readonly string[] {
	return [styleText("dim", `# ${does}`, plain), command];
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

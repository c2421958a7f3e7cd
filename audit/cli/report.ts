import type { EntryKind } from "../entry.ts";
import type { Finding } from "../verify/finding.ts";
import type { Report } from "../verify/report.ts";
import { attemptsRecorded } from "./attempts.ts";
import type { Indexed } from "./forensics.ts";
import { plain } from "./plain.ts";

/** Formats of {@link writeReport}. */
export const reportFormats = ["html", "csv", "ndjson"] as const;

/** One of {@link reportFormats}. */
export type ReportFormat = (typeof reportFormats)[number];

/** What a report is about: everything comes out of a verification. */
export type ReportInput = {
	readonly origin: string;
	readonly report: Report;
	/** Those of {@link ReportEntries}, or all. */
	readonly entries: readonly Indexed[];
	/** Milliseconds since 1970. */
	readonly from: number;
	readonly to: number;
	readonly madeAt: number;
};

/** Keeps what a report from one time to another (milliseconds since 1970) needs, out of all entries of a log. */
export class ReportEntries {
	readonly #from: number;
	readonly #to: number;
	readonly #within: Indexed[] = [];
	/** What each thing's mode was when the time begins. */
	readonly #modes = new Map<string, Indexed>();

	constructor(from: number, to: number) {
		this.#from = from;
		this.#to = to;
	}

	see(one: Indexed): void {
		const { time, after, entity } = one.entry;
		const at = Date.parse(time.wall);
		if (isWithin(at, { from: this.#from, to: this.#to })) this.#within.push(one);
		else if (at < this.#from && after?.values?.mode !== undefined) {
			this.#modes.set(`${entity.type}\n${entity.id}`, one);
		}
	}

	all(): readonly Indexed[] {
		return [...this.#modes.values(), ...this.#within].toSorted((a, b) => a.index - b.index);
	}
}

type Section = {
	readonly title: string;
	/** Which rule asks for it. */
	readonly asked: string;
	readonly entries: readonly Indexed[];
};

const rules = {
	rts6: "MiFID II RTS 6 (2017/589) art. 12",
	sec15: "SEC 15c3-5",
	sec17: "SEC 17a-4(f)",
} as const;

/** Sections of a report: what is in them, and who asks for it. */
const sections: readonly {
	readonly title: string;
	readonly asked: string;
	readonly kinds: readonly EntryKind[];
}[] = [
	{ title: "Trips", asked: `${rules.rts6}, ${rules.sec15}`, kinds: ["Trip", "Device"] },
	{ title: "Modes", asked: rules.rts6, kinds: ["Transition"] },
	{ title: "Interventions", asked: `${rules.sec15}, ${rules.sec17}`, kinds: ["Intervention", "Reset"] },
	{ title: "Overrides", asked: rules.sec15, kinds: ["Override"] },
	{ title: "Drills", asked: rules.rts6, kinds: ["Drill"] },
	{ title: "Proof tests", asked: rules.rts6, kinds: ["ProofTest"] },
	{
		title: "Settings and rights",
		asked: `${rules.sec15}, ${rules.sec17}`,
		kinds: ["Configuration", "Access", "Denied", "KeyAdded", "KeyRevoked"],
	},
	{
		title: "Exceptions",
		asked: rules.sec17,
		kinds: ["Exception", "Claim", "SpoolRecovered", "ClockStepped"],
	},
	{ title: "The record itself", asked: rules.sec17, kinds: ["Started", "Stopped", "Verification"] },
];

const columns = [
	"index",
	"time",
	"kind",
	"action",
	"entity",
	"actor",
	"from",
	"to",
	"justification",
] as const;

/** The report as text. */
export function writeReport(input: ReportInput, format: ReportFormat): string {
	const within = input.entries.filter(({ entry }) => isWithin(Date.parse(entry.time.wall), input));
	const filled = sections.map(({ title, asked, kinds }) => ({
		...{ title, asked },
		entries: within.filter(({ entry }) => kinds.includes(entry.kind)),
	}));
	switch (format) {
		case "html":
			return html(input, filled, durations(input));
		case "csv":
			return csv(input, within);
		case "ndjson":
			return ndjson(input, within);
	}
}

function isWithin(at: number, { from, to }: Pick<ReportInput, "from" | "to">): boolean {
	return at >= from && at < to;
}

/** How long each thing was in each mode, between `from` and `to`. */
export type Duration = { readonly entity: string; readonly mode: string; readonly seconds: number };

/** Adds up how long each mode lasted, as far as entries tell: from the first change that is known on. */
export function durations({
	entries,
	from,
	to,
}: Pick<ReportInput, "entries" | "from" | "to">): readonly Duration[] {
	const sums = new Map<string, Duration>();
	const current = new Map<string, { readonly mode: string; readonly since: number }>();
	const add = (entity: string, mode: string, since: number, until: number) => {
		const seconds = Math.max(0, Math.min(until, to) - Math.max(since, from)) / 1_000;
		const name = `${entity}\n${mode}`;
		sums.set(name, { entity, mode, seconds: (sums.get(name)?.seconds ?? 0) + seconds });
	};
	for (const { entry } of entries) {
		const mode = entry.after?.values?.mode;
		if (mode === undefined) continue;
		const [entity, at] = [`${entry.entity.type} ${entry.entity.id}`, Date.parse(entry.time.wall)];
		const before = current.get(entity);
		if (before !== undefined) add(entity, before.mode, before.since, at);
		current.set(entity, { mode, since: at });
	}
	for (const [entity, { mode, since }] of current) add(entity, mode, since, to);
	return [...sums.values()].filter(({ seconds }) => seconds > 0);
}

function cells({ index, entry }: Indexed): Readonly<Record<(typeof columns)[number], string>> {
	const { time, kind, action, entity, actor, before, after, justification } = entry;
	return {
		...{ index: String(index), time: time.wall, kind, action, actor: actor.name },
		...{
			entity: `${entity.type} ${entity.id}`,
			from: before?.values?.mode ?? "",
			to: after?.values?.mode ?? "",
		},
		justification: justification ?? "",
	};
}

/** The lines that every format begins with: without them nobody can check the rest. */
function firstPage({
	origin,
	report,
	entries,
	from,
	to,
	madeAt,
}: ReportInput): readonly (readonly [string, string])[] {
	const time = (at: number) => new Date(at).toISOString();
	const { size, root, witnesses, findings } = report;
	return [
		["log", origin],
		["from", time(from)],
		["to", time(to)],
		["made", time(madeAt)],
		["tree size", String(size)],
		["root", root.toString("base64")],
		...(witnesses.length === 0
			? ([["witness", "none"]] as const)
			: witnesses.map(({ name, at }) => ["witness", `${name} at ${time(at * 1_000)}`] as const)),
		[
			"verified",
			findings.length === 0
				? "good: every object, hash and signature"
				: `NOT GOOD: ${findings.length} findings`,
		],
		...findings.slice(0, 100).map((finding) => ["finding", findingText(finding)] as const),
		...attemptsRecorded(entries, from, to).map((line) => ["denied attempts", line] as const),
	];
}

function findingText({ code, index, object, message }: Finding): string {
	return `${code}${index === undefined ? "" : ` at entry ${index}`}, ${object}: ${message}`;
}

function csv(input: ReportInput, entries: readonly Indexed[]): string {
	// A table that is opened as a sheet must not calculate what somebody wrote as a reason.
	const safe = (text: string) => (/^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text);
	const row = (all: readonly string[]) =>
		`${all.map((text) => `"${plain(safe(text)).replaceAll('"', '""')}"`).join(",")}\r\n`;
	return [
		...firstPage(input).map(([name, value]) => row([`# ${name}`, value])),
		row(columns),
		...entries.map((one) => row(columns.map((name) => cells(one)[name]))),
	].join("");
}

function ndjson(input: ReportInput, entries: readonly Indexed[]): string {
	const { origin, report, from, to, madeAt } = input;
	const { size, root, witnesses, findings } = report;
	const first = {
		...{ log: origin, from, to, madeAt, size, root: root.toString("base64"), witnesses, findings },
		deniedAttempts: attemptsRecorded(input.entries, from, to),
	};
	return [{ report: first }, ...entries.map(({ index, entry }) => ({ index, entry }))]
		.map((value) => `${JSON.stringify(value)}\n`)
		.join("");
}

function html(input: ReportInput, filled: readonly Section[], spent: readonly Duration[]): string {
	const page = firstPage(input).map(
		([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`,
	);
	const head = columns.map((name) => `<th>${name}</th>`).join("");
	const tables = filled.map(({ title, asked, entries }) => {
		const rows = entries.map(
			(one) => `<tr>${columns.map((name) => `<td>${escaped(cells(one)[name])}</td>`).join("")}</tr>`,
		);
		const body = entries.length === 0 ? "<p>None.</p>" : `<table><tr>${head}</tr>${rows.join("\n")}</table>`;
		return `<h2>${escaped(title)} (${entries.length})</h2><p class="asked">${escaped(asked)}</p>${body}`;
	});
	const modes = spent.map(
		({ entity, mode, seconds }) =>
			`<tr><td>${escaped(entity)}</td><td>${escaped(mode)}</td><td>${seconds.toFixed(3)}</td></tr>`,
	);
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(input.origin)}</title>
<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #999;padding:2px 6px;text-align:left;vertical-align:top}.asked{color:#555}</style></head><body>
<h1>Record of ${escaped(input.origin)}</h1>
<table>${page.join("\n")}</table>
<h2>Seconds in each mode</h2>${modes.length === 0 ? "<p>None is known.</p>" : `<table><tr><th>entity</th><th>mode</th><th>seconds</th></tr>${modes.join("\n")}</table>`}
${tables.join("\n")}
</body></html>
`;
}

function escaped(text: string): string {
	const names: Readonly<Record<string, string>> = {
		"&": "&amp;",
		"<": "&lt;",
		">": "&gt;",
		'"': "&quot;",
		"'": "&#39;",
	};
	return plain(text).replace(/[&<>"']/g, (character) => names[character] ?? character);
}

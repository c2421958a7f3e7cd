import { AuditError } from "../error.ts";
import type { Report } from "../verify/report.ts";
import { type Indexed, LastStates, lineOf, WriterSpans } from "./forensics.ts";
import { type CliOptions, count } from "./options.ts";
import { plain, plainLines } from "./plain.ts";
import { ReportEntries, writeReport } from "./report.ts";
import { time } from "./time.ts";

/** What a command shows of a trail: it sees each entry as it is verified, and keeps only what it needs. */
export type View = {
	readonly see: (one: Indexed) => void;
	/** Called when all is verified. Throws `MISSING`. */
	readonly end: (report: Report) => void;
};

type Say = (text: string) => void;

/** The view of a command that shows entries. Throws `USAGE`. */
export function viewOf(options: CliOptions, say: Say): View {
	const { command, operand = "", json, from, to, format, origin = "" } = options;
	const indexed = (one: Indexed) => JSON.stringify({ index: one.index, ...one.entry });
	const print = (one: Indexed) => say(json ? indexed(one) : lineOf(one));
	switch (command) {
		case "show":
			return show(count("the index", operand) ?? 0, json, say);
		case "timeline":
			return { see: print, end: () => {} };
		case "who": {
			const see = (one: Indexed) => {
				if (one.entry.actor.name === operand) print(one);
			};
			return { see, end: () => {} };
		}
		case "gaps":
			return gaps(json, say);
		case "at": {
			const states = new LastStates(time("the time", operand) ?? 0);
			return { see: (one) => states.see(one), end: () => states.all().forEach(print) };
		}
		case "report": {
			const kept = new ReportEntries(from, to);
			const end = (report: Report) => {
				const input = { report, entries: kept.all(), from, to, origin, madeAt: Date.now() };
				say(writeReport(input, format).trimEnd());
			};
			return { see: (one) => kept.see(one), end };
		}
		default:
			return { see: () => {}, end: () => {} };
	}
}

function show(index: number, json: boolean, say: Say): View {
	let found: Indexed | undefined;
	return {
		see: (one) => {
			if (one.index === index) found = one;
		},
		end: ({ size }) => {
			if (found !== undefined) {
				const text = JSON.stringify({ index, ...found.entry }, undefined, json ? undefined : 2);
				say(json ? text : plainLines(text));
			} else if (index < size) {
				console.error(`entry ${index} is not good: it is not shown`);
			} else {
				throw new AuditError("MISSING", `there is no entry ${index}: the trail has ${size}`);
			}
		},
	};
}

function gaps(json: boolean, say: Say): View {
	const spans = new WriterSpans();
	const end = () => {
		for (const span of spans.all()) {
			const missing = span.missing.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`));
			const words = missing.length === 0 ? "none missing" : `MISSING ${missing.join(", ")}`;
			const ended = span.hasStopped ? "ended on purpose" : "not ended";
			const line = `${span.writer}  ${span.epoch}  ${span.first} to ${span.last}, ${words}; ${span.from} to ${span.to}, ${ended}`;
			say(json ? JSON.stringify(span) : plain(line));
		}
	};
	return { see: (one) => spans.see(one), end };
}

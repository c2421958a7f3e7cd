import type { HandOver } from "./drain.ts";
import { AuditError, messageOf } from "./error.ts";
import type { Signed } from "./format/leaf.ts";
import { decodeLine, encodeLine, linesOf } from "./format/line.ts";
import { type Appended, mostInRound } from "./log/outcome.ts";

// How entries get from whoever writes them to the process that sequences them: POST, the lines of a batch, answered with what
// became of each. Entries are signed: whoever carries them can lose them, which is noticed, and change nothing.

/** Path that entries are posted to. */
export const handOverPath = "/entries";

/** Settings of {@link handOverTo}. */
export type HandOverOptions = {
	/** Where the process is that sequences, e.g. http://tradingsafety-trail.tradingsafety-system:8086. */
	readonly url: string;
	/** How long to wait for an answer, which comes when the entries are in the store: milliseconds. */
	readonly timeoutMilliseconds?: number;
};

const timeoutMilliseconds = 30_000;
/** Of the answer: one outcome takes some hundred bytes. */
const mostAnswerBytes = 1 << 20;

/** Hands entries over by HTTP; `close` ends a call that is under way. What it returns throws `STORE`. */
export function handOverTo(options: HandOverOptions): {
	readonly handOver: HandOver;
	readonly close: () => void;
} {
	const url = new URL(handOverPath, options.url);
	// An import would load the fetch of Node.js, too (3 MB).
	const http = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
	const agent = new http.Agent({ keepAlive: true });
	const closed = new AbortController();
	const wait = options.timeoutMilliseconds ?? timeoutMilliseconds;
	const post = (body: Buffer) =>
		new Promise<string>((resolve, reject) => {
			const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(wait)]);
			const headers = { "content-type": "text/tab-separated-values", "content-length": body.length };
			const call = http.request(url, { method: "POST", agent, headers, signal });
			call.on("error", reject);
			call.on("response", (response) => {
				const chunks: Buffer[] = [];
				let size = 0;
				response.on("error", reject);
				response.on("data", (chunk: Buffer) => {
					size += chunk.length;
					if (size > mostAnswerBytes) call.destroy(new Error("the answer is too long"));
					else chunks.push(chunk);
				});
				response.on("end", () => {
					const text = Buffer.concat(chunks).toString();
					if (response.statusCode === 200) resolve(text);
					else reject(new Error(`${response.statusCode} ${text.trim().slice(0, 300)}`));
				});
			});
			call.end(body);
		});
	return {
		async handOver(signed) {
			try {
				return readOutcomes(await post(Buffer.concat(signed.map(encodeLine))), signed.length);
			} catch (cause) {
				throw new AuditError("STORE", `${url.href} did not take the entries: ${messageOf(cause)}`, { cause });
			}
		},
		close() {
			closed.abort(new Error("it is being ended"));
			agent.destroy();
		},
	};
}

/** The entries in what was posted. Throws `FORMAT`. */
export function readHandedOver(body: Buffer): readonly Signed[] {
	const lines = linesOf(body);
	if (lines.length > mostInRound) {
		throw new AuditError("FORMAT", `${lines.length} entries at once, and ${mostInRound} is the most`);
	}
	return lines.map((line) => decodeLine(line));
}

/** The answer to it. */
export function writeOutcomes(outcomes: readonly Appended[]): string {
	return `${JSON.stringify({ outcomes })}\n`;
}

/** Reads it. Throws where it is not about so many entries. */
function readOutcomes(text: string, count: number): readonly Appended[] {
	const { outcomes } = JSON.parse(text) as { readonly outcomes?: unknown };
	if (!Array.isArray(outcomes) || outcomes.length !== count || !outcomes.every(isOutcome)) {
		throw new Error(`the answer does not say what became of ${count} entries`);
	}
	return outcomes;
}

function isOutcome(value: unknown): value is Appended {
	if (typeof value !== "object" || value === null || !("kind" in value)) return false;
	switch (value.kind) {
		case "Appended":
			return "index" in value && Number.isSafeInteger(value.index);
		case "Known":
			return true;
		case "Refused":
			return "why" in value && typeof value.why === "string";
		default:
			return false;
	}
}

import { Pool } from "undici";
import type { Reading, Sample } from "../core/readings.ts";
import { OperatorError } from "./error.ts";

const answerMilliseconds = 2_000;
const answerBytes = 4 * 1024 * 1024;
const labelsKept = 4;

type Answer = {
	readonly status?: string;
	readonly error?: string;
	readonly data?: {
		readonly resultType?: string;
		readonly result?: unknown;
	};
};
type Series = {
	readonly metric: Readonly<Record<string, string>>;
	readonly values: readonly (readonly [number, string])[];
};

/**
 * Asks one Prometheus for the newest samples of series, by its HTTP API (Prometheus documentation, "HTTP API",
 * instant queries with a range selector: the samples as stored, with their own times).
 */
export class PrometheusClient {
	readonly url: string;
	readonly #pool: Pool;
	readonly #path: string;

	/** `url`: as in `spec.prometheus.url`. Throws a TypeError for what is no address. */
	constructor(url: string) {
		const { origin, pathname } = new URL(url);
		this.url = url;
		this.#path = pathname.replace(/\/$/, "");
		this.#pool = new Pool(origin, {
			connections: 4,
			maxResponseSize: answerBytes,
			connect: { timeout: 1_000 },
		});
	}

	/** The newest sample of each series in the last `seconds`. Ages are by the clock of Prometheus, rounded up. */
	async newest(selector: string, seconds: number): Promise<readonly Sample[]> {
		const result = (await this.#ask(`${selector}[${seconds}s]`, "matrix")) as readonly Series[];
		// Asked afterwards: what is said of ages may be too much, never too little.
		const [now] = (await this.#ask("time()", "scalar")) as readonly [number, string];
		return result.flatMap(({ metric, values }) => {
			const newest = values.at(-1);
			if (newest === undefined) return [];
			return [{ series: nameOf(metric), value: Number(newest[1]), ageSeconds: Math.max(0, now - newest[0]) }];
		});
	}

	async close(): Promise<void> {
		await this.#pool.destroy();
	}

	async #ask(query: string, resultType: string): Promise<unknown> {
		const { statusCode, body } = await this.#pool.request({
			path: `${this.#path}/api/v1/query`,
			method: "POST",
			headers: { "content-type": "application/x-www-form-urlencoded" },
			body: new URLSearchParams({ query }).toString(),
			signal: AbortSignal.timeout(answerMilliseconds),
		});
		const text = await body.text();
		const answer = parse(text, statusCode);
		if (answer.status !== "success") {
			throw new OperatorError(
				"PROMETHEUS",
				`it answered ${statusCode} to ${query}: ${answer.error ?? "no reason"}`,
			);
		}
		if (answer.data?.resultType !== resultType) {
			const got = answer.data?.resultType ?? "nothing";
			throw new OperatorError(
				"PROMETHEUS",
				`it answered ${query} with ${got}: the query must be a series selector`,
			);
		}
		return answer.data.result;
	}
}

/** What asking comes to; it never throws. `at`: now, by the API server's clock. */
export async function read(
	client: PrometheusClient,
	query: string,
	seconds: number,
	now: () => string,
): Promise<Reading> {
	try {
		const samples = await client.newest(query, seconds);
		return { at: now(), samples };
	} catch (error) {
		return { at: now(), error: `could not ask ${client.url}: ${messageOf(error)}` };
	}
}

function messageOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	if (error.name === "TimeoutError") return `no answer within ${answerMilliseconds} ms`;
	const code = "code" in error && !(error instanceof OperatorError) ? `${error.code} ` : "";
	return `${code}${error.message}`;
}

function parse(text: string, statusCode: number): Answer {
	try {
		return JSON.parse(text) as Answer;
	} catch (cause) {
		throw new OperatorError("PROMETHEUS", `it answered ${statusCode} with what is not JSON`, { cause });
	}
}

function nameOf({ __name__: name = "", ...labels }: Series["metric"]): string {
	const shown = Object.entries(labels).slice(0, labelsKept);
	return `${name}{${shown.map(([label, value]) => `${label}="${value}"`).join(",")}}`.slice(0, 200);
}

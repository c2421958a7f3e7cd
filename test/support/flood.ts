/**
 * A client that sends as many requests as it may, without a pause: `startFlood` in a test, and, run as a program by
 * it, the process that does it, so that the test has its own core and its own sockets.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";

/** What one user sends, again and again. */
export type FloodRequest = {
	readonly method: "GET" | "POST" | "PATCH";
	readonly path: string;
	readonly body?: object;
};

export type FloodOptions = {
	/** One of each user. */
	readonly kubeconfigs: readonly string[];
	/** Sent in turn. */
	readonly requests: readonly FloodRequest[];
	/** Requests under way at once, of each user. */
	readonly inFlight: number;
};

/** What was answered so far, by HTTP status; `0` counts those that failed without one. */
export type FloodCounts = Readonly<Record<string, number>>;

export type Flood = {
	/** What it has been answered since the last time this was asked. */
	readonly counts: () => Promise<FloodCounts>;
	readonly stop: () => Promise<void>;
};

/** Starts it; resolves when every user was answered for the first time. */
export async function startFlood(options: FloodOptions): Promise<Flood> {
	const child = fork(fileURLToPath(import.meta.url), { execArgv: [] });
	const ended = once(child, "exit");
	const ask = async (message: FloodOptions | "counts"): Promise<FloodCounts> => {
		const answer = once(child, "message") as Promise<[FloodCounts]>;
		child.send(message);
		const failed = ended.then(([code]) => {
			throw new Error(`the flood ended with exit code ${code}`);
		});
		return (await Promise.race([answer, failed]))[0];
	};
	await ask(options);
	return {
		counts: () => ask("counts"),
		async stop() {
			if (child.connected) child.disconnect();
			await ended;
		},
	};
}

let counts: Record<string, number> = {};

function count(status: number): void {
	counts[status] = (counts[status] ?? 0) + 1;
}

async function flood(options: FloodOptions): Promise<void> {
	const first = options.kubeconfigs.map(async (kubeconfig) => {
		const connection = await connect(loadKubeConfig(kubeconfig), { sockets: options.inFlight });
		const authentication = await connection.headers();
		const send = async ({ method, path, body }: FloodRequest) => {
			const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
			const headers = { ...authentication, "content-type": type };
			try {
				const { origin } = connection.server;
				const text = body === undefined ? null : JSON.stringify(body);
				const answer = await connection.calls.request({ origin, path, method, headers, body: text });
				await answer.body.dump({ limit: 1e9 });
				count(answer.statusCode);
			} catch {
				// A flood goes on whatever is answered, or not.
				count(0);
			}
		};
		const lane = async (number: number) => {
			for (let index = number; ; index += 1) {
				const request = options.requests[index % options.requests.length];
				if (request !== undefined) await send(request);
			}
		};
		const [request] = options.requests;
		if (request !== undefined) await send(request);
		for (let number = 0; number < options.inFlight; number += 1) void lane(number);
	});
	await Promise.all(first);
}

if (import.meta.main) {
	process.on("message", (message: FloodOptions | "counts") => {
		const done = message === "counts" ? Promise.resolve() : flood(message);
		void done.then(() => {
			process.send?.(counts);
			counts = {};
		});
	});
	process.once("disconnect", () => process.exit(0));
}

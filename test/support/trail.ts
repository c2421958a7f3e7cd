import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { decodeEntry, type Entry } from "../../audit/entry.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";
import { handOverPath, readHandedOver, writeOutcomes } from "../../audit/hand-over.ts";
import type { KeyRing } from "../../audit/log/key-ring.ts";
import { Leader } from "../../audit/log/leader.ts";
import type { Signer } from "../../audit/signer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import type { Scope } from "./scope.ts";

/** What a trail does with those who call it. */
export type TrailMood =
	| "Takes"
	/** Connections are accepted, and nothing is answered. */
	| "Hangs"
	| "Refuses";

/**
 * A process that takes entries, as far as those who record see it: the real sequencer over a store in memory, behind HTTP on a
 * port of its own, and moods that a real one cannot be made to show.
 */
export class TestTrail {
	readonly store = new MemoryStore();
	/** What it says of how desks stood. */
	states: readonly object[] = [];
	mood: TrailMood = "Takes";
	/** Requests so far. */
	calls = 0;
	/** What went wrong in the sequencer. */
	readonly problems: unknown[] = [];
	readonly url: string;
	readonly #server: ReturnType<typeof createServer>;

	private constructor(server: ReturnType<typeof createServer>) {
		this.#server = server;
		this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	}

	static async start(
		t: Scope,
		{ origin, signer, keys }: { readonly origin: string; readonly signer: Signer; readonly keys: KeyRing },
	): Promise<TestTrail> {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const trail = new TestTrail(server);
		const leader = new Leader({
			store: trail.store,
			origin,
			signer,
			keys,
			onFailed: (error) => trail.problems.push(error),
		});
		server.on("request", (request, response) => void trail.#answer(leader, request, response));
		t.teardown(async () => {
			server.closeAllConnections();
			server.close();
			await leader.stop();
		});
		return trail;
	}

	/** Cuts who is connected, as a restart does. */
	cut(): void {
		this.#server.closeAllConnections();
	}

	/** What is in the log, in order. */
	entries(): readonly Entry[] {
		return [...this.store.objects.keys()]
			.filter((key) => key.startsWith("batch/"))
			.sort()
			.flatMap((key) => linesOf(this.store.objects.get(key) ?? Buffer.alloc(0)))
			.map((line) => decodeEntry(decodeLine(line).entry));
	}

	async #answer(leader: Leader, request: IncomingMessage, response: ServerResponse): Promise<void> {
		this.calls += 1;
		const body = await buffer(request);
		switch (this.mood) {
			case "Hangs":
				return;
			case "Refuses":
				response.writeHead(503).end("not now\n");
				return;
			case "Takes": {
				if (request.url !== handOverPath) {
					response.writeHead(200).end(JSON.stringify({ states: this.states }));
					return;
				}
				const outcomes = await leader.append(readHandedOver(body));
				response.writeHead(200).end(writeOutcomes(outcomes));
			}
		}
	}
}

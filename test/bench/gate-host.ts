/**
 * Many bots in one process: a gate each, on a port of its own. `node gate-host.ts COUNT KEYS_JSON` prints its ports as a
 * line of JSON; a GET at the first says when which share of the gates answered that they are at a generation.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Gate } from "../../permits/gate.ts";
import { readPublicKey } from "../../permits/keys.ts";

const [count = "1", keysJson = "{}"] = process.argv.slice(2);
const texts = JSON.parse(keysJson) as {
	readonly permit: readonly string[];
	readonly raise: readonly string[];
};
const keys = { permit: texts.permit.map(readPublicKey), raise: texts.raise.map(readPublicKey) };
/** By generation: how many gates have answered from it, and when the last one did (milliseconds since 1970). */
const answered = new Map<number, { gates: Set<number>; lastAt: number }>();

function listen(handler: Parameters<typeof createServer>[1]): Promise<number> {
	const server = createServer(handler ?? (() => undefined));
	server.keepAliveTimeout = 0;
	return new Promise((resolve) =>
		server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
	);
}

const control = await listen((request, response) => {
	const generation = Number(new URL(request.url ?? "/", "http://host").searchParams.get("generation"));
	const found = answered.get(generation);
	response.end(JSON.stringify({ gates: found?.gates.size ?? 0, lastAt: found?.lastAt ?? 0 }));
});

const ports = await Promise.all(
	Array.from({ length: Number(count) }, (_, index) => {
		const gate = new Gate({ keys: () => keys, onDuties: () => undefined });
		return listen(async (request, response) => {
			try {
				const answer = gate.receive(await text(request), request.headers);
				response.end(JSON.stringify(answer));
				const { generation } = answer.epoch;
				const seen = answered.get(generation) ?? { gates: new Set(), lastAt: 0 };
				answered.set(generation, seen);
				if (seen.gates.has(index)) return;
				seen.gates.add(index);
				seen.lastAt = performance.timeOrigin + performance.now();
			} catch (error) {
				response.writeHead(400).end(String(error));
			}
		});
	}),
);
console.log(JSON.stringify({ control, ports }));
process.stdin.on("end", () => process.exit(0)).resume();

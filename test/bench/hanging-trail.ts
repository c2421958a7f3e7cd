import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";

/** A trail that accepts connections, reads, and never answers. `calls`: how many there were. */
export async function hangingTrail(): Promise<{
	readonly url: string;
	readonly calls: () => number;
	readonly close: () => void;
}> {
	const sockets = new Set<Socket>();
	let calls = 0;
	const server = createServer((socket) => {
		calls += 1;
		sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy()));
		socket.resume();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		calls: () => calls,
		close() {
			for (const socket of sockets) socket.destroy();
			server.close();
		},
	};
}

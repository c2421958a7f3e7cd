import { connect, createServer } from "node:net";
import { ClusterError, systemErrorCode } from "./errors.ts";

/** Below the ranges from which Linux (32768) and macOS (49152) take ports for outgoing connections. */
const FIRST = 20_000;
const LAST = 31_999;

/** Distinct loopback ports that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
	const found = new Set<number>();
	for (let tries = 0; found.size < count; tries++) {
		if (tries === 1000) throw new ClusterError("NoFreePort", `no free port between ${FIRST} and ${LAST}`);
		const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
		if (await isFree(port)) found.add(port);
	}
	return [...found];
}

/** True when a server accepts connections on this loopback port. */
export function isListening(port: number): Promise<boolean> {
	return new Promise((resolve, reject) => {
		const socket = connect({ port, host: "127.0.0.1" });
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", (error) => {
			if (systemErrorCode(error) === "ECONNREFUSED") resolve(false);
			else reject(error);
		});
	});
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", (error) => {
			if (systemErrorCode(error) === "EADDRINUSE") resolve(false);
			else reject(error);
		});
		server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
	});
}

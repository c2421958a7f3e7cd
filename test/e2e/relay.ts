/**
 * Passes TCP connections on to loopback, for what listens there alone in a network of its own.
 * `node relay.ts ADDRESS PORT...`: each port of that address leads to the same port of 127.0.0.1. Ends with its input.
 */
import { connect, createServer, type Socket } from "node:net";

const [address, ...ports] = process.argv.slice(2);

function join(from: Socket, to: Socket): void {
	from.pipe(to);
	// A connection that broke is for those at its ends.
	from.on("error", () => to.destroy());
	from.on("close", () => to.destroy());
}

await Promise.all(
	ports.map((port) => {
		const server = createServer((socket) => {
			const onward = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
			socket.setNoDelay(true);
			join(socket, onward);
			join(onward, socket);
		});
		return new Promise<void>((resolve) => server.listen(Number(port), address, resolve));
	}),
);
console.log(JSON.stringify({ ports: ports.map(Number) }));
process.stdin.on("end", () => process.exit(0)).resume();

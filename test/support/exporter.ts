import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Scope } from "./scope.ts";

/** An exporter of one gauge, in the process of the test: what a desk's venue adapter would export. */
export type Exporter = {
	readonly port: number;
	/** By the label `symbol`. */
	readonly values: Map<string, number>;
	/** From now on nobody listens there. */
	readonly end: () => void;
};

/** Serves `risk_position{symbol="..."}` on a loopback port until the test ends. */
export async function exporter(t: Scope, values: Readonly<Record<string, number>>): Promise<Exporter> {
	const held = new Map(Object.entries(values));
	const server = createServer((_, response) => {
		const lines = [...held].map(([symbol, value]) => `risk_position{symbol="${symbol}"} ${value}`);
		response.setHeader("content-type", "text/plain; version=0.0.4");
		response.end(["# TYPE risk_position gauge", ...lines, ""].join("\n"));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const end = () => {
		server.close();
		server.closeAllConnections();
	};
	t.teardown(end);
	return { port: (server.address() as AddressInfo).port, values: held, end };
}

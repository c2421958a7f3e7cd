import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Scope } from "../../support/scope.ts";

/** What becomes of a call. */
export type Fault =
	| "none"
	/** It is never answered. */
	| "hangs"
	/** It is carried out, and the connection ends before the answer. */
	| "answer lost"
	/** It is carried out after a while. */
	| "slow"
	/** It is not carried out, and this is the answer. */
	| { readonly status: number; readonly code: string };

/** A store between a client and a real one, that fails as it is told. */
export type FaultProxy = {
	readonly url: string;
	/** Decides about each call. */
	fault: (call: { readonly method: string; readonly path: string }) => Fault;
	/** Calls that were answered well, by what was asked for. */
	readonly answered: { readonly method: string; readonly path: string }[];
};

const slowMilliseconds = 150;

/** Starts one on a loopback port. */
export async function startFaultProxy(scope: Scope, upstream: string): Promise<FaultProxy> {
	const server = createServer((incoming, outgoing) => {
		serve(incoming, outgoing).catch(() => outgoing.destroy());
	});
	const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
		const call = { method: incoming.method ?? "", path: incoming.url ?? "" };
		const fault = proxy.fault(call);
		if (fault === "hangs") return;
		if (typeof fault === "object") {
			incoming.resume();
			outgoing.writeHead(fault.status, { "content-type": "application/xml", connection: "close" });
			outgoing.end(`<Error><Code>${fault.code}</Code><Message>as it was told</Message></Error>`);
			return;
		}
		if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, slowMilliseconds));
		const { method, headers } = incoming;
		const forwarded = request(`${upstream}${incoming.url}`, { method, headers });
		const answer = new Promise<IncomingMessage>((resolve, reject) => {
			forwarded.once("response", resolve).once("error", reject);
		});
		await Promise.all([pipeline(incoming, forwarded), answer]);
		const response = await answer;
		if (fault === "answer lost") {
			response.resume();
			outgoing.destroy();
			return;
		}
		outgoing.writeHead(response.statusCode ?? 500, response.rawHeaders);
		await pipeline(response, outgoing);
		proxy.answered.push(call);
	};
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	scope.teardown(async () => {
		server.closeAllConnections();
		await new Promise((resolve) => server.close(resolve));
	});
	const { port } = server.address() as AddressInfo;
	const proxy: FaultProxy = { url: `http://127.0.0.1:${port}`, fault: () => "none", answered: [] };
	return proxy;
}

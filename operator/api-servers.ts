import type { Logger } from "pino";
import { Client } from "../kube/client.ts";
import { type Connection, type ConnectionOptions, connect } from "../kube/connection.ts";
import { credentials } from "../kube/credentials.ts";
import { Failover } from "../kube/failover.ts";
import type { Metrics } from "./metrics.ts";
import type { OperatorOptions } from "./options.ts";

/** Sockets for what is asked of each API server by itself: the probes of all desks, and whether it lives. */
const askingSockets = 16;

/** The API servers that a replica was told of. */
export type ApiServers = {
	/** To the one in use. */
	readonly connection: Connection;
	/** One client for each, to ask that one and no other. */
	readonly each: readonly Client[];
	/** Begins to look which of them live. */
	readonly start: () => void;
	/** Ends looking, and the clients of `each`. */
	readonly stop: () => Promise<void>;
};

/** Connects to the API server of the credentials and to the others named. Throws `CONFIG` where that cannot work. */
export async function openApiServers(
	options: Pick<OperatorOptions, "kubeconfig" | "serviceAccount" | "apiServers">,
	log: Logger,
	metrics: Metrics,
): Promise<ApiServers> {
	const source = await credentials(options, process.env);
	const common: ConnectionOptions = {
		onStale: (err) => {
			metrics.errors.inc({ where: "credentials" });
			log.error({ err }, "could not read the credentials again: going on with the old ones");
		},
	};
	const own = await connect(source, common);
	const others = new Set(options.apiServers);
	others.delete(own.server.origin);
	const connections = [own];
	for (const server of others) connections.push(await connect(source, { ...common, server }));
	const endpoints = await Promise.all(
		connections.map(async (connection) => {
			// The first is wherever the credentials say.
			const { origin: server } = connection.server;
			const where = connection === own ? {} : { server };
			return { connection, checks: await connect(source, { ...common, ...where, sockets: askingSockets }) };
		}),
	);
	const failover = new Failover(endpoints, {
		onSwitch: (from, to) => {
			metrics.apiServerSwitches.inc({ server: to.origin });
			log.error({ from: from.origin, to: to.origin }, "the API server does not answer: using another");
		},
		onError: (server, err) => {
			metrics.errors.inc({ where: "api-server" });
			log.warn({ server: server.origin, err }, "an API server is not ready");
		},
	});
	const each = endpoints.map(
		({ checks }) => new Client(checks, { userAgent: "tradingsafety-operator", onCall: metrics.onCall }),
	);
	return {
		connection: failover.connection,
		each,
		start: () => failover.start(),
		async stop() {
			await failover.stop();
			await Promise.all(each.map((client) => client.close()));
		},
	};
}

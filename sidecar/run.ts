import { type Logger, pino } from "pino";
import type { SpoolFiles } from "../audit/spool/files.ts";
import { podAddress, type Resolve } from "../gates/address.ts";
import { Client } from "../kube/client.ts";
import { Clock } from "../kube/clock.ts";
import { connect } from "../kube/connection.ts";
import { credentials } from "../kube/credentials.ts";
import { Failover } from "../kube/failover.ts";
import { serveProbes } from "../kube/probes.ts";
import { readButtons } from "./buttons.ts";
import { Estop } from "./estop.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { SidecarOptions } from "./options.ts";
import { RaiseKeys } from "./raise-keys.ts";
import { Recording, type RecordingOptions } from "./recording.ts";
import type { HidTransport } from "./transport.ts";
import { UnshownRaises } from "./unshown.ts";

/** Sockets to each API server, so that many desks are raised at once. */
const sockets = 32;
const warmSockets = 8;

/** One running sidecar. */
export type Sidecar = {
	readonly httpPort: number;
	/** Ends it on purpose, which its Leases say. */
	readonly stop: () => Promise<void>;
};

/** What a sidecar stands on beside its options. */
export type SidecarParts = {
	readonly transport: HidTransport;
	/** Told when a device that was open is gone. */
	readonly onDeviceLost?: () => void;
	readonly resolve?: Resolve;
	readonly log?: Logger;
	/** The disk of the record. */
	readonly spoolFiles?: SpoolFiles;
};

/** Starts one. An API server that is away is waited for; throws `CONFIG` where there are no credentials. */
export async function startSidecar(
	options: SidecarOptions,
	{
		transport,
		onDeviceLost = () => {},
		resolve = podAddress,
		log = defaultLog(options),
		spoolFiles,
	}: SidecarParts,
): Promise<Sidecar> {
	const metrics = createMetrics();
	const clock = new Clock((seconds) => {
		metrics.errors.inc({ where: "clock" });
		log.error({ seconds }, "this machine's clock is off by more than 5 s, or right again");
	});
	const source = await credentials(options, process.env);
	const failed = (where: string) => (err: unknown) => {
		metrics.errors.inc({ where });
		log.warn({ err }, `failed: ${where}`);
	};
	const common = { sockets, onStale: failed("credentials") };
	const own = await connect(source, common);
	const others = options.apiServers.filter((server) => server !== own.server.origin);
	const servers = [undefined, ...new Set(others)];
	const open = (server: string | undefined) =>
		connect(source, { ...common, ...(server !== undefined && { server }) });
	const endpoints = await Promise.all(
		servers.map(async (server) => ({ connection: await open(server), checks: await open(server) })),
	);
	await own.close();
	const failover = new Failover(endpoints, {
		onSwitch: (from, to) => log.error({ from: from.origin, to: to.origin }, "using another API server"),
		onError: (server, err) => failed(`api-server ${server.origin}`)(err),
	});
	const hooks = {
		userAgent: "tradingsafety-estop",
		onDate: (date: string | undefined, sentAt: number) => clock.hear(date, sentAt),
	};
	const client = new Client(failover.connection, hooks);
	const apiServers = endpoints.map(({ checks }) => new Client(checks, hooks));
	const keys = new RaiseKeys(client, options.operatorNamespace, failed("raise-key"));
	const { operatorNamespace, identity } = options;
	const { profiles, problems } = await readButtons(options.buttons);
	const unshown =
		options.stateDir === undefined ? undefined : new UnshownRaises(options.stateDir, failed("state-dir"));
	const left = (await unshown?.load()) ?? [];
	const recording = await recordingOf(options, spoolFiles, { metrics, log, clock });
	const estop = new Estop({
		...{ client, apiServers, transport, resolve, keys, clock, log, metrics, operatorNamespace, identity },
		...{ profiles, onDeviceLost, unshown, recording },
	});
	for (const problem of problems) log.error({ problem }, "a configured button cannot be used");
	failover.start();
	keys.start();
	recording?.start();
	estop.start();
	estop.repeat(left);
	await Promise.all(apiServers.map((each) => each.warm(warmSockets).catch(failed("warm"))));
	const http = await serveProbes({
		...{ address: options.httpAddress, port: options.httpPort, registry: metrics.registry },
		healthy: () => [],
		ready: () => [...problems, ...estop.problems()],
	});
	log.info({ port: http.port }, "watching for presses");
	return {
		httpPort: http.port,
		async stop() {
			await http.close();
			await estop.stop();
			await unshown?.settled();
			await recording?.stop();
			await keys.stop();
			await failover.stop();
			await Promise.all([client, ...apiServers].map((each) => each.close()));
			log.info("stopped");
		},
	};
}

/** The record that is wanted. */
async function recordingOf(
	{ record, identity, operatorNamespace }: SidecarOptions,
	files: SpoolFiles | undefined,
	{
		metrics,
		log,
		clock,
	}: Pick<RecordingOptions, "log"> & { readonly metrics: Metrics; readonly clock: Clock },
): Promise<Recording | undefined> {
	if (record === undefined) return undefined;
	// Loaded by those that keep one only: it takes 2 MB.
	const [{ writerOf }, { comparedWith }] = await Promise.all([
		import("../audit/writer-of.ts"),
		import("../audit/clock.ts"),
	]);
	const writer = writerOf(record, {
		name: `estop-${identity}`.slice(0, 200),
		about: { component: "sidecar", identity: identity.slice(0, 1_000), operatorNamespace },
		...(files !== undefined && { files }),
		clockQuality: () => comparedWith("api-server", clock.errorMilliseconds()),
		onFailed: (what, err) => {
			metrics.errors.inc({ where: "record" });
			log[what === "Spool" ? "error" : "warn"]({ what, err }, "failed: record");
		},
	});
	return new Recording({ writer, metrics, log });
}

/** Lines of JSON on standard error. */
export function defaultLog({ logLevel, identity }: Pick<SidecarOptions, "logLevel" | "identity">): Logger {
	return pino({ level: logLevel, base: { sidecar: identity } }, pino.destination(2));
}

import { type Logger, pino } from "pino";
import { observes } from "../core/enforcement.ts";
import { leaderAccount, operatorAccount } from "../crds/roles.ts";
import { modes } from "../crds/vocabulary.ts";
import { podAddress, type Resolve } from "../gates/address.ts";
import { Client } from "../kube/client.ts";
import { Clock } from "../kube/clock.ts";
import { EventRecorder } from "../kube/events.ts";
import { LeaderElector } from "../kube/lease.ts";
import { serveProbes } from "../kube/probes.ts";
import { ServiceAccountToken } from "../kube/token.ts";
import { openApiServers } from "./api-servers.ts";
import type { Context } from "./context.ts";
import { Confirmer } from "./controllers/confirm.ts";
import { Enforcer } from "./controllers/enforce.ts";
import { EstopKeeper } from "./controllers/estop.ts";
import { EvidenceGatherer } from "./controllers/evidence.ts";
import { FenceProber } from "./controllers/fence.ts";
import { HistoryKeeper } from "./controllers/history.ts";
import { Lead } from "./controllers/lead.ts";
import { RecordKeeper } from "./controllers/record.ts";
import { Rehearser } from "./controllers/rehearse.ts";
import { Signaller } from "./controllers/signal.ts";
import { StatusWriter } from "./controllers/status.ts";
import type { DeskState } from "./desk-state.ts";
import { Desks } from "./desks.ts";
import { Memory } from "./memory.ts";
import { createMetrics } from "./metrics.ts";
import type { OperatorOptions } from "./options.ts";
import { publishAges, readiness } from "./readiness.ts";
import { recordWriter } from "./record-writer.ts";
import { KeyReader } from "./signals/permit-keys.ts";
import { KeyPublisher } from "./signals/public-keys.ts";
import { StageTimer } from "./stages.ts";
import { StateDir } from "./state-dir.ts";

const warmSockets = 40;

/** One running replica. */
export type Operator = {
	readonly httpPort: number;
	/** Resolves when desks and namespaces were listed: it enforces before, with what it has seen. */
	readonly started: Promise<void>;
	/** Ends it cleanly: the lease is handed over, nothing is left open. */
	readonly stop: () => Promise<void>;
};

/**
 * Starts one replica, `resolve` saying where the gates of pods are: it enforces as soon as it sees a desk, and leads when it gets the lease. An API server
 * that is away is waited for.
 */
export async function startOperator(
	options: OperatorOptions,
	resolve: Resolve = podAddress,
	log: Logger = pino({ level: options.logLevel, base: { replica: options.identity } }, pino.destination(2)),
): Promise<Operator> {
	const metrics = createMetrics();
	const clock = new Clock((seconds) => {
		metrics.clockOffset.set(seconds);
		metrics.errors.inc({ where: "clock" });
		log.error(
			{ seconds },
			"this machine's clock is off by more than 5 s, or right again: the API server's counts",
		);
	});
	const onDate = (date: string | undefined, sentAt: number) => clock.hear(date, sentAt);
	const apiServers = await openApiServers(options, log, metrics);
	const client = new Client(apiServers.connection, {
		userAgent: operatorAccount,
		onCall: metrics.onCall,
		onDate,
	});
	const token = new ServiceAccountToken({
		client,
		namespace: options.operatorNamespace,
		name: leaderAccount,
	});
	const leaderClient = new Client(apiServers.connection.withToken(token), {
		userAgent: leaderAccount,
		onCall: metrics.onCall,
		onDate,
	});
	const events = new EventRecorder({
		client,
		reportingController: "tradingsafety.dev/operator",
		reportingInstance: options.identity.slice(0, 128),
		onLost: (event, err) => {
			metrics.eventsLost.inc();
			log.warn({ err, reason: event.reason }, "an event was lost");
		},
	});
	const elector = new LeaderElector({
		client,
		namespace: options.operatorNamespace,
		name: options.lease,
		identity: options.identity,
		leaseSeconds: options.leaseSeconds,
		onChange: ({ leader, holder }) => {
			metrics.leader.set(leader ? 1 : 0);
			log.info({ leader, holder }, leader ? "leading" : "not leading");
			if (leader) for (const desk of desks.all()) lead.look(desk);
			else token.forget();
		},
		onError: (err) => {
			metrics.errors.inc({ where: "lease" });
			log.warn({ err }, "could not look at the lease");
		},
	});
	const context: Context = {
		client,
		apiServers: apiServers.each,
		leaderClient,
		elector,
		identity: options.identity,
		clock,
		log,
		metrics,
		events,
	};

	const stateDir =
		options.stateDir === undefined
			? undefined
			: new StateDir(options.stateDir, (err) => {
					metrics.errors.inc({ where: "state-dir" });
					log.error({ err }, "what is remembered may be lost with this process");
					publishDurability();
				});
	const publishDurability = () => {
		const problem = stateDir?.problem();
		metrics.memoryDurable.set(stateDir === undefined ? 0 : problem === undefined ? 1 : -1);
		return problem;
	};
	publishDurability();
	const memory = new Memory(clock, stateDir);
	const { operatorNamespace } = options;
	const history = new HistoryKeeper(context, `system:serviceaccount:${operatorNamespace}:${operatorAccount}`);
	const stages = new StageTimer(metrics);
	const enforcer = new Enforcer(context, (desk) => observe(desk));
	const status = new StatusWriter(context);
	const lead = new Lead(context);
	const confirmer = new Confirmer(context, {
		onFinding: (desk) => observe(desk),
		sweep: (desk, pods) => enforcer.sweep(desk, pods),
	});
	const prober = new FenceProber(context, (desk) => {
		stages.look(desk);
		confirmer.look(desk);
		observe(desk);
	});
	const rehearser = new Rehearser(context, (desk) => observe(desk));
	const keys = new KeyReader(client, operatorNamespace, {
		onError: (err) => {
			metrics.errors.inc({ where: "permit-keys" });
			log.warn({ err }, "could not read the keys of permits: those read before stay in use");
		},
		onChange: () => {
			const { known, problem } = keys.keys ?? {};
			log.info({ ...known, problem }, "keys of permits");
			signaller.lookAtAll();
			publisher.lookAtAll(desks.all());
		},
	});
	const writer = recordWriter(options, log, metrics, clock, (told) => {
		if (memory.learn(told)) desks.recollect();
	});
	const recorder = new RecordKeeper(context, writer, (desk) => observe(desk));
	const signaller = new Signaller(context, keys, resolve, {
		onFinding: (desk) => look(desk),
		onSilent: (desk, pod, problem) => recorder.silent(desk, pod, problem),
	});
	const gatherer = new EvidenceGatherer(context, (desk) => look(desk));
	const publisher = new KeyPublisher(context, keys);
	const estop = new EstopKeeper(
		context,
		operatorNamespace,
		() => desks.all(),
		(desk) => look(desk),
	);
	const observe = (desk: DeskState) => {
		// Nothing to write a status to, and nothing may be opened.
		if (desk.isOrphan || desk.isForgotten) return;
		status.look(desk);
		lead.look(desk);
	};
	let gathering = new Set<DeskState>();
	const look = (desk: DeskState) => {
		history.look(desk);
		enforcer.look(desk);
		// One look for all events that arrived together.
		if (gathering.size === 0) setImmediate(lookAtGathered);
		gathering.add(desk);
	};
	const lookAtGathered = () => {
		const desksSeen = gathering;
		gathering = new Set();
		for (const desk of desksSeen) {
			stages.look(desk);
			signaller.look(desk);
			gatherer.look(desk);
			confirmer.look(desk);
			recorder.look(desk);
			observe(desk);
		}
	};
	const desks = new Desks(context, memory, options.namespaces, operatorNamespace, {
		onSpec: (desk) => {
			signaller.lookNow(desk);
			publisher.look(desk);
			history.look(desk);
			enforcer.lookNow(desk);
			lead.interrupt(desk);
			prober.look(desk);
			rehearser.look(desk);
			estop.look(desk);
			recorder.look(desk);
			const { spec } = desk.object;
			const { mode, freeze } = spec;
			const rank = (modes as readonly string[]).indexOf(mode ?? "");
			metrics.mode.set({ namespace: desk.namespace }, rank < 0 ? modes.length - 1 : rank);
			metrics.frozen.set({ namespace: desk.namespace }, freeze === true ? 1 : 0);
			metrics.observing.set({ namespace: desk.namespace }, observes(spec) ? 1 : 0);
			look(desk);
		},
		onChange: look,
		onGone: (desk) => {
			for (const controller of [
				signaller,
				gatherer,
				publisher,
				history,
				enforcer,
				status,
				lead,
				confirmer,
				rehearser,
				stages,
				recorder,
			])
				controller.forget(desk);
			void prober.forget(desk);
		},
	});

	const ready = () => {
		const forgetful = publishDurability();
		return [...readiness(desks), ...(forgetful === undefined ? [] : [forgetful])];
	};
	const http = await serveProbes({
		address: options.httpAddress,
		port: options.httpPort,
		healthy: () => [],
		more: { "/keys": () => keys.keys?.known },
		ready: () => {
			const problems = ready();
			publishAges(context, desks);
			return problems;
		},
		registry: metrics.registry,
	});
	const stopping = new AbortController();
	const start = async () => {
		apiServers.start();
		elector.start();
		keys.start();
		estop.start();
		recorder.start();
		// Beside everything else: a disk that hangs must not delay a halt.
		void memory.load(() => desks.recollect());
		// A server that is away now is met by every other call, each with its own retries.
		await client
			.warm(warmSockets)
			.catch((err: unknown) => log.warn({ err }, "could not open connections ahead"));
		if (stopping.signal.aborted) return;
		await desks.start();
		log.info({ port: http.port, desks: desks.all().length }, "governing");
		desks.reportMissing();
	};
	const started = start().catch((err: unknown) => {
		if (stopping.signal.aborted) log.info("stopped before everything was listed");
		else throw err;
	});
	return {
		httpPort: http.port,
		started,
		async stop() {
			log.info("stopping");
			stopping.abort();
			await Promise.all(
				[
					estop,
					keys,
					publisher,
					signaller,
					gatherer,
					history,
					lead,
					prober,
					confirmer,
					rehearser,
					enforcer,
				].map((controller) => controller.stop()),
			);
			await desks.stop();
			await status.stop();
			await elector.stop();
			await recorder.stop();
			await events.stop();
			await stateDir?.stop();
			await http.close();
			await apiServers.stop();
			await Promise.all([client.close(), leaderClient.close()]);
			log.info("stopped");
		},
	};
}

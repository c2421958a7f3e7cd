import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { TargetStatus } from "../../crds/status.ts";
import type { BotPorts } from "../../dev/bots/bot.ts";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { wallNow } from "../../dev/venue/clock.ts";
import type { VenueEvent } from "../../dev/venue/events.ts";
import type { PositionsDocument } from "../../permits/positions.ts";
import { type Program, startProgram } from "../dev/venue/program.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, type ReplicaOptions, startReplica } from "../operator/replica.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ensurePermitKeys } from "../support/permit-keys.ts";
import { until } from "../support/until.ts";

/** How long permits live on these desks. */
export const ttlMilliseconds = 2_000;
/**
 * From the acknowledgement of a raise by the API server until the venue may not take a risk any more, on a machine that runs
 * ten times what it can. How fast it is is judged by the bench.
 */
export const allowedMilliseconds = 1_000;
/** What a busy machine may add to the life of a permit: a bot that is not run sends nothing, and reads no clock. */
export const slackMilliseconds = 500;

/** A line of the venue's log. `at`: milliseconds since 1970. */
export type VenueLine = VenueEvent & { readonly at: number };

/** One bot of a {@link TradingDesk}, behind one pod. */
export type DeskBot = {
	readonly pod: string;
	readonly account: string;
	readonly ports: BotPorts;
	readonly program: Program<unknown>;
};

/** Settings of {@link openTrading}. */
export type TradingOptions = {
	readonly cluster?: ClusterAccess;
	/** Pods by target; 3 of `bots` by default. */
	readonly pods?: Readonly<Record<string, number>>;
	/** Added to `signal` of a target. */
	readonly signal?: Readonly<Record<string, object>>;
	readonly replicas?: readonly ReplicaOptions[];
	/** A command that becomes the venue or a bot, with its arguments. */
	readonly via?: (program: "venue" | number) => readonly string[];
	/** Where the operator finds the permit ports of the bots, in their order. On this machine by default. */
	readonly places?: (ports: readonly number[]) => Promise<readonly (number | string)[]>;
};

/** A desk in Normal: real replicas, real bots that trade, and a venue whose log judges them. Ends with the test. */
export type TradingDesk = Awaited<ReturnType<typeof openTrading>>;

/** Opens it, and waits until every bot trades and is told by permits. */
export async function openTrading(t: ExecutionContext, options: TradingOptions = {}) {
	const { pods = { bots: 3 }, replicas: wanted = [{}, {}], via = () => [] } = options;
	const desk = await TestDesk.create(t, { ...(options.cluster && { cluster: options.cluster }) });
	await desk.run(...Object.entries(pods).map(([name, replicas]) => ({ name, replicas })));
	const folder = temporaryFolder(t, "trading");
	const log = join(folder, "venue.log");
	const start = async <Ready>(path: string, args: readonly string[], by: readonly string[]) => {
		const program = await startProgram<Ready>(path, args, by);
		t.teardown(() => program.end());
		return program;
	};
	const venue = await start<{ readonly port: number }>(
		"dev/venue/main.ts",
		["--port", "0", "--log", log],
		via("venue"),
	);
	const origin = `http://127.0.0.1:${venue.ready.port}`;
	const keys = await ensurePermitKeys(desk.admin);
	const known = [
		...keys.permit.flatMap((key) => ["--permit-key", key]),
		...keys.raise.flatMap((key) => ["--raise-key", key]),
	];
	const names = (await Promise.all(Object.keys(pods).map((app) => desk.pods(app)))).flat();
	const bots: readonly DeskBot[] = await Promise.all(
		names.map(async ({ metadata }, index) => {
			const account = `bot-${index}`;
			const args = ["--kind", "bot", "--venue", origin, "--account", account, "--seed", String(index + 1)];
			const all = [...args, "--orders-per-second", "40", ...known];
			const program = await start<{ readonly ports: BotPorts }>("dev/bots/main.ts", all, via(index));
			return { pod: metadata.name, account, ports: program.ready.ports, program };
		}),
	);
	const permitPorts = bots.map(({ ports }) => ports.permit ?? 0);
	const places = (await options.places?.(permitPorts)) ?? permitPorts;
	const gates = join(folder, "gates.json");
	writeFileSync(
		`${gates}.new`,
		JSON.stringify(Object.fromEntries(bots.map(({ pod }, i) => [pod, places[i]]))),
	);
	renameSync(`${gates}.new`, gates);
	const begin = (of: ReplicaOptions = {}) => startReplica(t, desk, { ...of, gates });
	const replicas: readonly Replica[] = await Promise.all(wanted.map(begin));
	// A machine that runs other tests may let a bot wait for longer than the default.
	const signal = { http: { port: 8090 }, ttlSeconds: ttlMilliseconds / 1_000, ackMilliseconds: 2_000 };
	await desk.govern({
		mode: "Normal",
		targets: Object.keys(pods).map((name) =>
			target(name, "Bot", { signal: { ...signal, ...options.signal?.[name] } }),
		),
	});

	/** Orders that take risk, and that the venue accepted after a time; those of some accounts where it is said. */
	const risky = (after: number, before = Number.POSITIVE_INFINITY, accounts?: readonly string[]) =>
		linesOf(log).filter(
			(line) =>
				line.event === "order" &&
				line.result === "accepted" &&
				line.effect === "opens" &&
				line.at > after &&
				line.at <= before &&
				accounts?.includes(line.account) !== false,
		);

	const flowing = async (since = wallNow()) => {
		await until(
			"every bot trades and is told by permits",
			async () => {
				const active = new Set(risky(since).map(({ account }) => account));
				const { status } = await desk.get();
				const rows = Object.keys(pods).map((name) => rowOf(status?.targets, name));
				const told = rows.every((row) => row?.signalled === "Admit" && row.fencedAs === undefined);
				if (bots.every(({ account }) => active.has(account)) && told) return true;
				throw new Error(
					`${[...active].join()} trade; ${JSON.stringify(rows)}; ${(await desk.pods()).map((pod) => pod.metadata.name)}`,
				);
			},
			{ timeoutMilliseconds: 90_000, intervalMilliseconds: 50 },
		);
	};
	await flowing();
	return {
		desk,
		bots,
		replicas,
		venue: origin,
		risky,
		/** Resolves when every bot has opened something since a time, and permits reach every target. */
		flowing,
		startReplica: begin,
		lines: () => linesOf(log),
		/** What the venue is asked; not from another network. */
		async ask<T>(path: string, body?: object): Promise<T> {
			const post = body && { method: "POST", body: JSON.stringify(body) };
			return (await (await fetch(`${origin}${path}`, post)).json()) as T;
		},
		positions: async (bot: DeskBot) =>
			(await (await fetch(`http://127.0.0.1:${bot.ports.main}/positions`)).json()) as PositionsDocument,
		/** The orders that took risk between a time and so much later, once that is over. */
		async during(since: number, milliseconds: number) {
			await until(`${milliseconds} ms are over`, () => wallNow() > since + milliseconds, {
				timeoutMilliseconds: milliseconds + 30_000,
			});
			return risky(since, since + milliseconds);
		},
		/** Names and lives of the pods, those that are told to stop left out. */
		running: async () =>
			(await desk.pods())
				.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
				.map(({ metadata }) => metadata.uid)
				.sort(),
	};
}

/** The row of a target in status. */
export function rowOf(rows: readonly TargetStatus[] | undefined, name: string): TargetStatus | undefined {
	return rows?.find((row) => row.name === name);
}

function linesOf(log: string): readonly VenueLine[] {
	const text = readFileSync(log, "utf8");
	return text
		.slice(0, text.lastIndexOf("\n") + 1)
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as VenueEvent & { readonly wallMicros: number })
		.map((line) => ({ ...line, at: line.wallMicros / 1_000 }));
}

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TradingSafety } from "../../crds/types.ts";
import { type Started, startProgram } from "../dev/venue/program.ts";
import { ensurePermitKeys } from "../support/permit-keys.ts";
import { until } from "../support/until.ts";
import { type BenchDesk, createDesk, filled } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import type { Replicas } from "./replicas.ts";

type BotReady = { readonly ports: { readonly main: number; readonly permit?: number } };

/** A desk in Normal whose pods are real bots of this machine that trade at a venue of their own. */
export type Trading = {
	readonly desk: BenchDesk;
	/** Main ports of the bots. */
	readonly ports: readonly number[];
	/** Where each pod takes permits: a file as `dev/gates-file.ts` reads it. */
	readonly gates: string;
	/** Starts replicas of the operator that tell these bots. */
	readonly startReplicas: (count: number) => Promise<Replicas>;
	/** Resolves when every bot has opened something lately, and the desk is told by permits. */
	readonly flowing: () => Promise<void>;
	/** When the venue last accepted an order that takes risk: milliseconds since 1970, 0 for never. */
	readonly lastOpened: () => Promise<number>;
	readonly stop: () => Promise<void>;
};

/** Milliseconds since 1970, as the venue writes them. */
export const wallNow = (): number => performance.timeOrigin + performance.now();

/** Makes the desk, the venue and the bots. */
export async function openTrading(
	floor: Floor,
	{
		bots,
		ordersPerSecond,
		ttlSeconds,
	}: { readonly bots: number; readonly ordersPerSecond: number; readonly ttlSeconds: number },
): Promise<Trading> {
	const target = { name: "bots", preset: "Bot", signal: { http: { port: 8090 }, ttlSeconds } };
	const desk = await createDesk(floor, "orders", 1, bots, target);
	await floor.setControllerManager("High");
	await filled(floor, desk);
	await floor.setControllerManager("Default");
	const keys = await ensurePermitKeys(floor.admin);
	const known = [
		...keys.permit.flatMap((key) => ["--permit-key", key]),
		...keys.raise.flatMap((key) => ["--raise-key", key]),
	];
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-bench-"));
	const started: Started<unknown>[] = [];
	const stop = async () => {
		await Promise.all(started.map((program) => program.end()));
		rmSync(folder, { recursive: true });
	};
	try {
		const venue = await startProgram<{ readonly port: number }>("dev/venue/main.ts", [
			"--port",
			"0",
			"--log",
			join(folder, "venue.log"),
		]);
		started.push(venue);
		const origin = `http://127.0.0.1:${venue.ready.port}`;
		const programs = await Promise.all(
			Array.from({ length: bots }, (_, index) =>
				startProgram<BotReady>("dev/bots/main.ts", [
					...["--kind", "bot", "--venue", origin, "--account", `bot-${index}`, "--seed", String(index + 1)],
					...["--orders-per-second", String(ordersPerSecond), ...known],
				]),
			),
		);
		started.push(...programs);
		const { items } = await floor.admin.list<{ readonly metadata: { readonly name: string } }>(
			`/api/v1/namespaces/${desk.namespace}/pods`,
		);
		const gates = join(folder, "gates.json");
		const ports = items.map(({ metadata }, index) => [metadata.name, programs[index]?.ready.ports.permit]);
		writeFileSync(`${gates}.new`, JSON.stringify(Object.fromEntries(ports)));
		renameSync(`${gates}.new`, gates);
		const lastOf = async (index: number) => {
			const answer = await fetch(`${origin}/judge?account=bot-${index}&since=${wallNow()}`);
			return ((await answer.json()) as { readonly lastRiskTakingAt: number | null }).lastRiskTakingAt ?? 0;
		};
		const lasts = () => Promise.all(Array.from({ length: bots }, (_, index) => lastOf(index)));
		return {
			desk,
			gates,
			ports: programs.map((program) => program.ready.ports.main),
			startReplicas: (count) => floor.startReplicas(count, [desk.namespace], gates),
			lastOpened: async () => Math.max(...(await lasts())),
			async flowing() {
				const since = wallNow();
				await until(
					"every bot trades and is told by permits",
					async () => {
						const quiet = (await lasts()).filter((at) => at < since).length;
						const { status } = await floor.admin.get<TradingSafety>(desk.path);
						const [row] = status?.targets ?? [];
						if (quiet === 0 && row?.signalled === "Admit" && row.fencedAs === undefined) return true;
						throw new BenchError(
							"NOT_AS_EXPECTED",
							`${quiet} bots are quiet; target: ${JSON.stringify(row)}`,
						);
					},
					{ timeoutMilliseconds: 120_000, intervalMilliseconds: 100 },
				);
			},
			stop,
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

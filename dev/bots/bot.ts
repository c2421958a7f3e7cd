import { positionsOf } from "../../permits/positions.ts";
import { observed, type Port, type Routes, servePort } from "./http.ts";
import { habitsOf } from "./kinds.ts";
import { startLife } from "./life.ts";
import { createLine } from "./line.ts";
import { createBotMetrics } from "./metrics.ts";
import type { BotOptions } from "./options.ts";
import { permitRoute } from "./permit-port.ts";
import { holdingsOf, restingCount } from "./positions.ts";
import { followVenue } from "./stream.ts";
import { createView } from "./view.ts";
import { readWish } from "./wish.ts";

/** Where a bot listens. */
export type BotPorts = {
	/** Null of a deaf one. */
	readonly permit: number | null;
	readonly main: number;
	readonly circuitBreaker: number;
	readonly risk: number;
	readonly orders: number;
	readonly memory: number;
};

/** A bot that runs. */
export type RunningBot = { readonly ports: BotPorts; readonly stop: () => Promise<void> };

/** Leaving must not keep a process that is asked to end. */
const leaveMilliseconds = 1_000;

/** Starts a bot of any kind: paused, unless it is one of the bad ones. Resolves when all its ports listen. */
export async function startBot(options: BotOptions): Promise<RunningBot> {
	const habits = habitsOf[options.kind];
	const ending = new AbortController();
	const view = createView();
	const line = createLine(options.venue);
	const gateway = options.gateway === undefined ? undefined : createLine(options.gateway);
	const metrics = createBotMetrics({
		view,
		breaker: () => life.breaker(),
		isOpen: () => life.gate.mayOpen(),
	});
	const others = options.alsoAccounts.map((account) => ({ account, view: createView() }));
	const surroundings = {
		options,
		view,
		others,
		line,
		...(gateway !== undefined && { gateway }),
		onOrder: metrics.noteOrder,
		say: (event: string) =>
			console.error(JSON.stringify({ time: performance.timeOrigin + performance.now(), event })),
	};
	let life = startLife(surroundings);
	for (const { account, view: its } of [{ account: options.account, view }, ...others]) {
		void followVenue({ venue: options.venue, account }, its, ending.signal);
	}

	const positions = () =>
		positionsOf(
			{ instance: life.instance(), epoch: life.epoch(), permissions: () => life.gate.permissions() },
			{
				account: options.account,
				at: Date.now(),
				restingOrders: restingCount(view.states()),
				held: holdingsOf(view.states(), view.quote),
			},
		);
	const permit = permitRoute(
		() => life.gate,
		(answer, body) => {
			metrics.notePermit(answer.applied);
			life.noteAnswer(answer, body);
			if (habits.restarts && wasOpen && !life.gate.mayOpen()) {
				life.stop();
				life = startLife(surroundings);
				surroundings.say("restarts");
			}
			wasOpen = life.gate.mayOpen();
		},
	);
	let wasOpen = false;

	const health = () => ({ status: "ok", kind: options.kind, open: life.gate.mayOpen() });
	const own: Routes = {
		"GET /positions": () => ({ status: 200, body: positions() }),
		...(habits.takesWishes && {
			"POST /wish": async ({ body }) => {
				const wish = readWish(body);
				if (wish === undefined) return { status: 400, body: { error: "not a wish" } };
				return { status: 200, body: { outcome: await life.perform(wish) } };
			},
		}),
	};

	const listening: Port[] = [];
	async function listen(port: number, routes: Routes): Promise<number> {
		const made = await servePort(port, routes, options.address);
		listening.push(made);
		return made.port;
	}
	const observe = (index: number, registry: Parameters<typeof observed>[0], more: Routes = {}) => {
		const base = options.metricsPortBase;
		return listen(base === 0 ? 0 : base + index, { ...observed(registry, health), ...more });
	};
	const ports = {
		main: await observe(0, metrics.main, own),
		circuitBreaker: await observe(1, metrics.circuitBreaker),
		risk: await observe(2, metrics.risk),
		orders: await observe(3, metrics.orders),
		memory: await observe(4, metrics.memory),
		permit: habits.listens ? await listen(options.permitPort, { ...permit, ...own }) : null,
	};

	return {
		ports,
		async stop() {
			life.stop();
			await Promise.race([
				life.leave(),
				new Promise((resolve) => setTimeout(resolve, leaveMilliseconds).unref()),
			]);
			ending.abort();
			line.close();
			gateway?.close();
			await Promise.all(listening.map(({ close }) => close()));
		},
	};
}

import { randomUUID } from "node:crypto";
import type { Acknowledgement } from "../../permits/acknowledgement.ts";
import { decodePermit } from "../../permits/decode.ts";
import { Gate } from "../../permits/gate.ts";
import { freshBreaker } from "./breaker.ts";
import { createTasks } from "./duties.ts";
import { carelessGuard, hangingGuard, honestGuard } from "./guards.ts";
import { createHands, type Executor, type Guard, isAllowed, type Outcome } from "./hands.ts";
import { type Habits, habitsOf } from "./kinds.ts";
import type { Line } from "./line.ts";
import type { Limits } from "./liquidation.ts";
import { startLiquidator } from "./liquidator.ts";
import type { Wish } from "./mind.ts";
import type { BotOptions } from "./options.ts";
import { startTrading } from "./trading.ts";
import type { View } from "./view.ts";

/** What lives longer than one life of a bot. */
export type Surroundings = {
	readonly options: BotOptions;
	readonly view: View;
	/** What else a liquidator closes. */
	readonly others: readonly { readonly account: string; readonly view: View }[];
	/** To the venue. */
	readonly line: Line;
	/** Of a strategy. */
	readonly gateway?: Line;
	readonly onOrder: (seconds: number, outcome: Outcome) => void;
	/** Says what happened to whoever reads the log of the process. */
	readonly say: (event: string) => void;
};

/** From one start to the next: a gate, and what was begun under it. */
export type Life = ReturnType<typeof startLife>;

const stepMilliseconds = 10;
/** A position that could not be protected is looked at again so much later. */
const protectMilliseconds = 250;

/** Begins a life: paused, with nothing remembered. */
export function startLife({ options, view, others, line, gateway, onOrder, say }: Surroundings) {
	const habits = habitsOf[options.kind];
	const { account } = options;
	// Until the gate has answered for the first time nobody but a deaf bot sends anything.
	let instance = `${options.kind}-${randomUUID().slice(0, 8)}`;
	let epoch: Acknowledgement["epoch"] = { uid: "", generation: 0 };
	let limits: Limits = {};
	const gate = new Gate({
		keys: options.keys,
		onDuties: (duties) => {
			if (habits.obeys && habits.holdsOrders) tasks.begin(duties);
		},
	});
	const guard = guardOf(habits, gate, options, say);
	const hands = createHands({
		account,
		instance: () => instance,
		line,
		view,
		guard,
		onOrder(seconds, outcome) {
			onOrder(seconds, outcome);
			if (outcome !== "refused") trading?.spend();
		},
	});
	const tasks = createTasks({ hands, view, guard });
	const executor = gateway === undefined ? hands : remoteExecutor(gateway, guard, () => trading?.spend());
	const trading = habits.wishes === "none" ? undefined : startTrading({ ...options, view, guard, executor });
	const liquidators = (habits.liquidates ? [{ account, view }, ...others] : []).map((books) =>
		startLiquidator({ ...books, instance: () => instance, line, guard, limits: () => limits }),
	);
	const triedAt = new Map<string, number>();

	function protect(): void {
		const now = performance.now();
		for (const symbol of view.symbols()) {
			if (hands.isBusy(symbol) || now < (triedAt.get(symbol) ?? 0) + protectMilliseconds) continue;
			if (!hands.isUnprotected(symbol)) continue;
			triedAt.set(symbol, now);
			void hands.protect(symbol);
		}
	}

	const timer = habits.holdsOrders
		? setInterval(() => {
				tasks.step();
				protect();
			}, stepMilliseconds)
		: undefined;

	return {
		gate,
		perform: hands.perform,
		instance: () => instance,
		epoch: () => epoch,
		breaker: () => trading?.breaker() ?? freshBreaker,
		/** After the gate took a message in. */
		noteAnswer(answer: Acknowledgement, body: string): void {
			instance = answer.instance;
			epoch = answer.epoch;
			if (answer.applied === "Granted") limits = decodePermit(body).limits ?? {};
			// Not a turn of the loop later: what could open goes now.
			if (habits.holdsOrders) tasks.step();
		},
		/** No further decisions. */
		stop(): void {
			trading?.stop();
			for (const liquidator of liquidators) liquidator.stop();
			clearInterval(timer);
		},
		/** True when nothing of this bot rests at the venue that could still open. */
		leave: async () => !habits.holdsOrders || hands.cancelOpening(),
	};
}

function guardOf(habits: Habits, gate: Gate, options: BotOptions, say: (event: string) => void): Guard {
	if (!habits.obeys) return carelessGuard(habits.listens ? () => gate.mayOpen() : () => true);
	if (!habits.hangs) return honestGuard(gate);
	return hangingGuard(gate, { after: options.hangAfterOrders, seconds: options.hangSeconds }, say);
}

/** Sends wishes to a gateway, each only if the strategy's own gate allows it when it is written. */
function remoteExecutor(line: Line, guard: Guard, onSent: () => void): Executor {
	const underWay = new Set<string>();
	return {
		isBusy: (symbol) => underWay.has(symbol),
		async perform(wish: Wish): Promise<Outcome> {
			underWay.add(wish.symbol);
			onSent();
			try {
				const ask = () => isAllowed(wish, { ...guard, isOpen: guard.mayOpen });
				return (await line.post<{ readonly outcome: Outcome }>("/wish", wish, ask)).outcome;
			} catch {
				return "failed";
			} finally {
				underWay.delete(wish.symbol);
			}
		},
	};
}

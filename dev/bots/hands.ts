import type { Permissions } from "../../permits/permissions.ts";
import type { Side } from "../venue/order.ts";
import type { OrderAnswer } from "../venue/venue.ts";
import { bracketOf, bracketSteps, closingSide, listOf, tightenedStop } from "./bracket.ts";
import { isBotError } from "./error.ts";
import type { Line } from "./line.ts";
import type { Wish } from "./mind.ts";
import type { View } from "./view.ts";

/** What is asked before anything is sent: a gate, or what a bad bot has instead. */
export type Guard = {
	/** Asked right before an order that takes risk is written, and nowhere else. */
	readonly mayOpen: () => boolean;
	/** The same for whoever only looks. */
	readonly isOpen: () => boolean;
	readonly permissions: () => Permissions;
};

/** What became of a wish. `busy`: something else is under way in its symbol. `refused`: by the guard, nothing was sent. */
export type Outcome = "done" | "refused" | "rejected" | "failed" | "busy";

/** Whether a wish is allowed, for whoever only looks. Cancelling always is. */
export function isAllowed(wish: Wish, { isOpen, permissions }: Omit<Guard, "mayOpen">): boolean {
	switch (wish.action) {
		case "open":
			return isOpen();
		case "close":
			return permissions().reduce === "free";
		case "cancel":
			return true;
	}
}

/** Whoever can be asked to trade. */
export type Executor = {
	readonly isBusy: (symbol: string) => boolean;
	readonly perform: (wish: Wish) => Promise<Outcome>;
};

/** Settings of {@link createHands}. */
export type HandsOptions = {
	readonly account: string;
	/** Written into each order. */
	readonly instance: () => string;
	readonly line: Line;
	readonly view: View;
	readonly guard: Guard;
	/** Told of each order: how long its answer took, in seconds, and what became of it. */
	readonly onOrder: (seconds: number, outcome: Outcome) => void;
};

type Placing = {
	readonly symbol: string;
	readonly side: Side;
	readonly type: "limit" | "market" | "stop";
	readonly quantity: number;
	readonly price?: number;
	readonly reduceOnly?: true;
	readonly list?: string;
};

/**
 * The hands of a bot: they alone send orders. Of each symbol one thing is under way at a time, so that each decision
 * stands on what the venue answered to the one before.
 */
export type Hands = ReturnType<typeof createHands>;

/** Makes them. */
export function createHands({ account, instance, line, view, guard, onOrder }: HandsOptions) {
	const underWay = new Map<string, Promise<Outcome>>();
	let count = 0;
	/** After all was cancelled nothing is placed again to protect, until opening is allowed. */
	let isBare = false;

	const mayReduce = () => guard.permissions().reduce === "free";

	/** Runs one thing in a symbol after the one before it. */
	function inTurn(symbol: string, task: () => Promise<Outcome>): Promise<Outcome> {
		const before = underWay.get(symbol);
		const turn = before === undefined ? task() : before.then(task, task);
		underWay.set(symbol, turn);
		void turn.finally(() => {
			if (underWay.get(symbol) === turn) underWay.delete(symbol);
		});
		return turn;
	}

	async function send(path: string, body: object, ask: () => boolean): Promise<Outcome> {
		const start = performance.now();
		const tell = (outcome: Outcome) => {
			onOrder((performance.now() - start) / 1_000, outcome);
			return outcome;
		};
		try {
			const answer = await line.post<OrderAnswer>(path, { account, instance: instance(), ...body }, ask);
			view.takeState(answer.state);
			return tell(answer.result === "accepted" ? "done" : "rejected");
		} catch (error) {
			if (!isBotError(error)) throw error;
			return tell(error.code === "REFUSED" ? "refused" : "failed");
		}
	}

	function nextId(what: string): string {
		count += 1;
		return `${what}-${instance()}-${count}`;
	}

	const place = (what: string, order: Placing, ask: () => boolean) =>
		send("/orders", { clientOrderId: nextId(what), ...order }, ask);

	function replace(
		what: string,
		symbol: string,
		old: string,
		change: { readonly price?: number; readonly quantity?: number },
		ask: () => boolean,
	): Promise<Outcome> {
		const body = { symbol, clientOrderId: old, newClientOrderId: nextId(what), ...change };
		return send("/orders/replace", body, ask);
	}

	async function open({ symbol, side, quantity, price }: Wish & { readonly action: "open" }) {
		const type = price === undefined ? "market" : "limit";
		const order = { symbol, side, type, quantity, ...(price !== undefined && { price }) } as const;
		const outcome = await place("open", order, guard.mayOpen);
		return outcome === "done" ? protectNow(symbol) : outcome;
	}

	async function closeNow(symbol: string, quantity: number, ask: () => boolean): Promise<Outcome> {
		const state = view.state(symbol);
		const held = Math.min(quantity, Math.abs(state?.quantity ?? 0));
		if (state === undefined || held === 0) return "done";
		const side = closingSide(state.quantity);
		const order = { symbol, side, type: "market", quantity: held } as const;
		return place("close", { ...order, reduceOnly: true, list: listOf(symbol) }, ask);
	}

	async function protectNow(symbol: string): Promise<Outcome> {
		const state = view.state(symbol);
		if (state === undefined || isBare) return "done";
		for (const { what, old, side, quantity, price } of bracketSteps(state, guard.permissions())) {
			const ask = () =>
				!isBare && (what === "target" ? mayReduce() : guard.permissions().amendStops !== "none");
			const type = what === "stop" ? "stop" : "limit";
			const outcome =
				old === undefined
					? await place(
							what,
							{ symbol, side, type, quantity, price, reduceOnly: true, list: listOf(symbol) },
							ask,
						)
					: await replace(what, symbol, old, { quantity }, ask);
			if (outcome !== "done") return outcome;
		}
		return "done";
	}

	async function tightenNow(symbol: string, percent: number): Promise<Outcome> {
		const state = view.state(symbol);
		const quote = view.quote(symbol);
		const stop = state === undefined ? undefined : bracketOf(state).stop;
		if (stop === undefined || quote === undefined) return "done";
		const price = tightenedStop(stop, quote.mid, percent);
		if (price === undefined) return "done";
		return replace(
			"stop",
			symbol,
			stop.clientOrderId,
			{ price },
			() => guard.permissions().amendStops !== "none",
		);
	}

	/** True when all that was meant is cancelled. It is sent at once, behind all that went out before. */
	async function cancelAll(keepReduceOnly: boolean, symbol?: string): Promise<boolean> {
		try {
			const body = { account, instance: instance(), keepReduceOnly, ...(symbol !== undefined && { symbol }) };
			const { result } = await line.post<{ readonly result: string }>("/orders/cancel-all", body);
			return result === "accepted";
		} catch (error) {
			if (!isBotError(error)) throw error;
			return false;
		}
	}

	return {
		isBusy: (symbol: string) => underWay.has(symbol),
		/** Does what a strategy wants, as far as the guard allows it at the moment of sending. */
		async perform(wish: Wish): Promise<Outcome> {
			const { symbol } = wish;
			if (underWay.has(symbol)) return "busy";
			switch (wish.action) {
				case "open":
					isBare &&= !guard.isOpen();
					return inTurn(symbol, () => open(wish));
				case "close":
					return inTurn(symbol, () => closeNow(symbol, wish.quantity, mayReduce));
				case "cancel":
					return inTurn(symbol, async () => ((await cancelAll(true, symbol)) ? "done" : "rejected"));
			}
		},
		/** Closes so much of a position at the market, as it was told to. */
		close: (symbol: string, quantity: number) =>
			inTurn(symbol, () => closeNow(symbol, quantity, () => guard.permissions().reduce !== "none")),
		/** Places what a position lacks of its stop and target. */
		protect: (symbol: string) => inTurn(symbol, () => protectNow(symbol)),
		/** True when a position lacks something of its stop and target. */
		isUnprotected(symbol: string): boolean {
			const state = view.state(symbol);
			return !isBare && state !== undefined && bracketSteps(state, guard.permissions()).length > 0;
		},
		/** Brings the stop of a symbol nearer by a share of its distance, in percent. */
		tighten: (symbol: string, percent: number) => inTurn(symbol, () => tightenNow(symbol, percent)),
		/** Cancels everything; from then on positions stand bare until opening is allowed. */
		cancelEverything(): Promise<boolean> {
			isBare = true;
			return cancelAll(false);
		},
		/** Cancels what could still open. */
		cancelOpening: () => cancelAll(true),
	};
}

import { isBotError } from "./error.ts";
import type { Guard } from "./hands.ts";
import type { Line } from "./line.ts";
import { closingOrder, type Limits, mayLiquidate } from "./liquidation.ts";
import type { View } from "./view.ts";

/** Settings of {@link startLiquidator}. */
export type LiquidatorOptions = {
	readonly account: string;
	readonly instance: () => string;
	readonly line: Line;
	readonly view: View;
	readonly guard: Guard;
	/** Of the permit in force. */
	readonly limits: () => Limits;
};

const stepMilliseconds = 50;

/**
 * Closes all positions of the account while its permit lets it, and does nothing when all is flat. What rests of the
 * account is cancelled first: it would be filled beside the liquidation.
 */
export function startLiquidator(options: LiquidatorOptions): { readonly stop: () => void } {
	const { account, instance, line, view, guard, limits } = options;
	const mayGo = () => mayLiquidate(guard.permissions());
	let isBusy = false;
	let count = 0;

	async function closePositions(): Promise<void> {
		const held = view.states().filter(({ quantity, orders }) => quantity !== 0 || orders.length > 0);
		if (held.length === 0) return;
		if (held.some(({ orders }) => orders.length > 0)) {
			await line.post("/orders/cancel-all", { account, instance: instance() });
		}
		for (const { symbol, quantity } of held) {
			const quote = view.quote(symbol);
			const now = performance.timeOrigin + performance.now();
			const order = quote === undefined ? undefined : closingOrder(quantity, quote, limits(), now);
			if (order === undefined) continue;
			count += 1;
			const type = order.price === undefined ? {} : { type: "limit", timeInForce: "ioc" };
			const clientOrderId = `liquidate-${instance()}-${count}`;
			const common = { account, instance: instance(), clientOrderId, symbol, reduceOnly: true };
			const answer = await line.post<{ readonly state: Parameters<View["takeState"]>[0] }>(
				"/orders",
				{ type: "market", ...common, ...order, ...type },
				mayGo,
			);
			view.takeState(answer.state);
		}
	}

	const timer = setInterval(() => {
		if (isBusy || !mayGo()) return;
		isBusy = true;
		closePositions()
			.catch((error) => {
				if (!isBotError(error)) throw error;
			})
			.finally(() => {
				isBusy = false;
			});
	}, stepMilliseconds);
	return { stop: () => clearInterval(timer) };
}

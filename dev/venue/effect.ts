import type { Effect, Live, Order } from "./order.ts";

/**
 * Whether an order takes risk. It reduces when it is against the position, and its quantity and the account's other
 * resting orders on that side do not exceed the position. Orders of one list count once, by the largest, since a fill of
 * one lessens the others. `position` is signed; `resting` are the account's orders in this symbol.
 */
export function effectOf(
	position: number,
	resting: readonly Live[],
	order: Pick<Order, "side" | "quantity" | "list">,
): Effect {
	const isAgainst = order.side === "sell" ? position > 0 : position < 0;
	if (!isAgainst) return "opens";
	let total = 0;
	const lists = new Map<string, number>();
	for (const { side, quantity, list } of [...resting, order]) {
		if (side !== order.side) continue;
		if (list === undefined) total += quantity;
		else lists.set(list, Math.max(lists.get(list) ?? 0, quantity));
	}
	for (const quantity of lists.values()) total += quantity;
	return total <= Math.abs(position) ? "reduces" : "opens";
}

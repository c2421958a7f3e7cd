import type { Permissions } from "../../permits/permissions.ts";
import { opposite, type Side, signed, toTick } from "../venue/order.ts";
import type { RestingView, SymbolState } from "../venue/snapshot.ts";

/** From the average entry price, in basis points. */
const stopBasisPoints = 60;
const targetBasisPoints = 80;

/** A step that protects a position: `old` is the order that it replaces. */
export type BracketStep = {
	readonly what: "stop" | "target";
	readonly old?: string;
	readonly side: Side;
	readonly quantity: number;
	readonly price: number;
};

/** The list that the stop, the target and the closing orders of a symbol share: what one fills, the others lose. */
export function listOf(symbol: string): string {
	return `bracket-${symbol}`;
}

/** The side that closes a position. */
export function closingSide(quantity: number): Side {
	return opposite(quantity > 0 ? "buy" : "sell");
}

/** The stop and the target that protect a position, where they rest. */
export function bracketOf(state: SymbolState): {
	readonly stop?: RestingView;
	readonly target?: RestingView;
} {
	const of = (type: RestingView["type"]) =>
		state.orders.find((order) => order.reduceOnly === true && order.type === type);
	const stop = of("stop");
	const target = of("limit");
	return { ...(stop !== undefined && { stop }), ...(target !== undefined && { target }) };
}

/**
 * What is to be done so that a stop and a target stand for the whole position. A stop is placed where none is, or
 * grown at its price, unless stops may not be changed at all; a target only where reducing is free.
 */
export function bracketSteps(state: SymbolState, permissions: Permissions): readonly BracketStep[] {
	if (state.quantity === 0) return [];
	const quantity = Math.abs(state.quantity);
	const side = closingSide(state.quantity);
	const { stop, target } = bracketOf(state);
	const at = (basisPoints: number) =>
		toTick(state.entry * (1 + (Math.sign(state.quantity) * basisPoints) / 10_000));
	const step = (
		what: BracketStep["what"],
		order: RestingView | undefined,
		price: number,
	): readonly BracketStep[] => {
		if (order === undefined) return [{ what, side, quantity, price }];
		const old = order.clientOrderId;
		return order.quantity < quantity ? [{ what, old, side, quantity, price: order.price ?? price }] : [];
	};
	return [
		...(permissions.amendStops === "none" ? [] : step("stop", stop, at(-stopBasisPoints))),
		...(permissions.reduce === "free" ? step("target", target, at(targetBasisPoints)) : []),
	];
}

/**
 * A stop brought nearer to the price by a share of their distance, in percent. Undefined where that is no nearer, or
 * would be at the price or beyond it.
 */
export function tightenedStop(
	{ price: stop, side }: Pick<RestingView, "price" | "side">,
	price: number,
	percent: number,
): number | undefined {
	if (stop === undefined) return undefined;
	const moved = toTick(stop + ((price - stop) * Math.min(percent, 100)) / 100);
	// A stop that sells stands below the price and moves up; one that buys stands above it.
	const isNearer = signed(side, moved - stop) < 0;
	const isShortOfPrice = signed(side, price - moved) < 0;
	return isNearer && isShortOfPrice ? moved : undefined;
}

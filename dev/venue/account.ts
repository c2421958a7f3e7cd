import { type Side, signed } from "./order.ts";

/** What an account holds of one symbol. `quantity` is signed, `entry` the average price of what is held. */
export type Position = {
	readonly quantity: number;
	readonly entry: number;
	/** Profit and loss of what was closed, in money. */
	readonly realised: number;
};

/** Nothing held, nothing earned. */
export const flat: Position = { quantity: 0, entry: 0, realised: 0 };

/** The position after a fill. What crosses zero closes the old one and opens the rest at the price of the fill. */
export function applyFill(position: Position, side: Side, quantity: number, price: number): Position {
	const change = signed(side, quantity);
	const after = position.quantity + change;
	const isAgainst = position.quantity * change < 0;
	if (!isAgainst) {
		const cost = position.entry * Math.abs(position.quantity) + price * quantity;
		return { ...position, quantity: after, entry: cost / Math.abs(after) };
	}
	const closed = Math.min(quantity, Math.abs(position.quantity));
	const gain = closed * (price - position.entry) * Math.sign(position.quantity);
	const crossed = quantity > closed;
	return {
		quantity: after,
		entry: after === 0 ? 0 : crossed ? price : position.entry,
		realised: position.realised + gain,
	};
}

/** Profit and loss of what is held at a price, in money. */
export function unrealised({ quantity, entry }: Position, price: number): number {
	return quantity === 0 ? 0 : quantity * (price - entry);
}

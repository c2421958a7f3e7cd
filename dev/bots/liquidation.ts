import type { Permissions } from "../../permits/permissions.ts";
import type { Permit } from "../../permits/permit.ts";
import { type Side, signed, toTick } from "../venue/order.ts";
import type { Quote } from "../venue/snapshot.ts";
import { closingSide } from "./bracket.ts";

/** Bounds of a liquidation; what is absent bounds nothing. */
export type Limits = NonNullable<Permit["limits"]>;

/** An order that closes within bounds. Immediate or cancel; without a price at the market. */
export type ClosingOrder = { readonly side: Side; readonly quantity: number; readonly price?: number };

/**
 * True where positions are to be closed: a permit lets reduce freely, and nobody may open. While opening is allowed the
 * desk trades, and its positions are its own affair.
 */
export function mayLiquidate({ open, reduce }: Permissions): boolean {
	return !open && reduce === "free";
}

/**
 * The next order that closes a position (signed) within the limits: no worse than so many basis points from the
 * middle, and no more than a share of what is quoted at the best price, though always one unit. Undefined when flat,
 * or when the quote is too old or has no such side. `now` in milliseconds since 1970.
 */
export function closingOrder(
	position: number,
	quote: Quote,
	{ maxSlippageBps, maxParticipation, quoteMaxAgeSeconds }: Limits,
	now: number,
): ClosingOrder | undefined {
	if (position === 0) return undefined;
	if (quoteMaxAgeSeconds !== undefined && now - quote.at > quoteMaxAgeSeconds * 1_000) return undefined;
	const side = closingSide(position);
	const quoted = side === "sell" ? quote.bidQuantity : quote.askQuantity;
	if (quoted === 0) return undefined;
	const held = Math.abs(position);
	const share = maxParticipation === undefined ? held : Math.max(1, Math.floor(quoted * maxParticipation));
	const price =
		maxSlippageBps === undefined ? undefined : quote.mid * (1 + signed(side, maxSlippageBps) / 10_000);
	return {
		side,
		quantity: Math.min(held, share),
		...(price !== undefined && { price: toTick(price) }),
	};
}

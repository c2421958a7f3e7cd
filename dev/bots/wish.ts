import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Wish } from "./mind.ts";

const symbol = Type.String({ minLength: 1, maxLength: 100 });
const quantity = Type.Integer({ minimum: 1, maximum: 1_000_000 });

const wish = Compile(
	Type.Union([
		Type.Object({
			action: Type.Literal("open"),
			symbol,
			side: Type.Enum(["buy", "sell"]),
			quantity,
			price: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
		}),
		Type.Object({ action: Type.Literal("close"), symbol, quantity }),
		Type.Object({ action: Type.Literal("cancel"), symbol }),
	]),
);

/** Reads what a strategy wants. Undefined: it is no wish. */
export function readWish(body: string): Wish | undefined {
	try {
		const value: unknown = JSON.parse(body);
		return wish.Check(value) ? value : undefined;
	} catch {
		return undefined;
	}
}

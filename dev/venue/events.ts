import type { Effect, Order, Side } from "./order.ts";

/** Why an order was rejected. */
export type Rejection =
	| "UnknownSymbol"
	| "DuplicateClientOrderId"
	| "UnknownOrder"
	| "NotReducing"
	| "TooManyOrders"
	| "NotMarketable"
	/** By a fault that somebody asked for. */
	| "Fault";

/** Who and what a line of the log is about. */
type Subject = Pick<Order, "account" | "instance" | "clientOrderId" | "symbol">;

/** One thing that happened at the venue: a line of its log. */
export type VenueEvent =
	| (Subject & {
			readonly event: "order";
			readonly result: "accepted" | "rejected";
			readonly reason?: Rejection;
			readonly effect: Effect;
			readonly side: Side;
			readonly type: Order["type"];
			readonly quantity: number;
			readonly price?: number;
	  })
	| (Subject & {
			readonly event: "cancel";
			/** `rejected`: by a fault. What the venue cancels by itself is accepted. */
			readonly result: "accepted" | "rejected";
			readonly by: "client" | "venue";
			readonly quantity: number;
	  })
	| (Subject & { readonly event: "trigger"; readonly side: Side; readonly quantity: number })
	| (Subject & {
			readonly event: "fill";
			readonly role: "maker" | "taker";
			/** Of the order, as judged when it was accepted. */
			readonly effect: Effect;
			readonly side: Side;
			readonly quantity: number;
			readonly price: number;
			/** Of the account, after it; signed. */
			readonly position: number;
	  });

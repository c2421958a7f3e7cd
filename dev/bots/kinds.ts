/** The kinds of bots. */
export const kinds = [
	"bot",
	"strategy",
	"gateway",
	"risk",
	"liquidator",
	"liar",
	"deaf",
	"restarter",
	"hanger",
] as const;
export type Kind = (typeof kinds)[number];

/** What a kind does, and what it does wrong. */
export type Habits = {
	/** Where its wishes go: it has none, its own hands, or a gateway. */
	readonly wishes: "none" | "hands" | "gateway";
	/** It holds orders at the venue: it protects positions and does duties. */
	readonly holdsOrders: boolean;
	/** `POST /wish`: it does what strategies want. */
	readonly takesWishes: boolean;
	readonly liquidates: boolean;
	/** It serves `POST /permit`. */
	readonly listens: boolean;
	/** It does as its gate says; otherwise it always finds that it may. */
	readonly obeys: boolean;
	/** A permit that takes opening away makes it begin anew: another gate, another instance, nothing remembered. */
	readonly restarts: boolean;
	/** Its event loop hangs once, right after its gate said yes. */
	readonly hangs: boolean;
};

const honest: Habits = {
	wishes: "hands",
	holdsOrders: true,
	takesWishes: false,
	liquidates: false,
	listens: true,
	obeys: true,
	restarts: false,
	hangs: false,
};

/** What each kind does. */
export const habitsOf: Readonly<Record<Kind, Habits>> = {
	bot: honest,
	strategy: { ...honest, wishes: "gateway", holdsOrders: false },
	gateway: { ...honest, wishes: "none", takesWishes: true },
	risk: { ...honest, wishes: "none", holdsOrders: false },
	liquidator: { ...honest, wishes: "none", holdsOrders: false, liquidates: true },
	liar: { ...honest, obeys: false },
	deaf: { ...honest, obeys: false, listens: false },
	restarter: { ...honest, restarts: true },
	hanger: { ...honest, hangs: true },
};

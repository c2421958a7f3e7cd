import { createHash } from "node:crypto";
import { readPrivateKey, writePublicKey } from "../permits/keys.ts";
import { join, type Permissions, permissionsOf } from "../permits/permissions.ts";
import { type Duties, encodePermit, type Permit } from "../permits/permit.ts";
import type { Book, PositionsDocument } from "../permits/positions.ts";
import { type SignedHeaders, type Signer, signBody } from "../permits/signature.ts";

/** What a gate is given, and what it must answer. Times in milliseconds, `now` of a clock that only goes forward. */
export type VectorStep = {
	readonly now: number;
	readonly wallNow: number;
	/** Absent: only time has passed. */
	readonly message?: { readonly headers: SignedHeaders; readonly body: string };
	readonly expect: Expected;
};

/**
 * `error`: it is refused, and nothing changes. Otherwise the answer, and the duties that the bot is told: none at all
 * (`{}`) where a later epoch asks for nothing.
 */
export type Expected = {
	readonly error?: "SIGNATURE" | "MALFORMED";
	readonly applied?: "Granted" | "Tightened";
	readonly epoch?: { readonly uid: string; readonly generation: number };
	readonly duties?: Duties;
	/** Bounds of a liquidation, told with the duties. */
	readonly limits?: Permit["limits"];
	/** In force afterwards, as the answer says and as the gate says. */
	readonly permissions: Permissions;
};

/**
 * The same stories for every client. The n-th answer of a gate must give the challenge `challenge-n`, so that what
 * follows can be signed beforehand.
 */
export type Vectors = {
	readonly note: string;
	readonly keys: Readonly<Record<Signer, readonly string[]>>;
	readonly scenarios: readonly { readonly name: string; readonly steps: readonly VectorStep[] }[];
	/** What a gate that was told the first two steps of the first scenario answers to `GET /positions` with these books. */
	readonly positions: {
		readonly book: Book;
		/** Without `instance`, which is another in each life. */
		readonly expect: Omit<PositionsDocument, "instance">;
	};
};

const startedAt = Date.parse("2026-01-01T00:00:00Z");
const desk = { namespace: "fx-desk", uid: "6f1c2a52-0000-4000-8000-000000000001" };
const stranger = "6f1c2a52-0000-4000-8000-000000000002";
const nobody = { uid: "", generation: 0 };
const at = (generation: number) => ({ uid: desk.uid, generation });
/** A later epoch that asks for nothing. */
const nothing: Duties = {};
const halt: Duties = { cancelAll: true, flatten: { overSeconds: 0 } };
const { Normal, Pause, Reduce, Emergency } = {
	Normal: permissionsOf("Normal"),
	Pause: permissionsOf("Pause"),
	Reduce: permissionsOf("Reduce"),
	Emergency: permissionsOf("Emergency"),
};

/** Everybody may know these: they are made of their names. */
const keyOf = (name: string) =>
	readPrivateKey(
		`whsk_${createHash("sha256").update(`tradingsafety test vectors: ${name}`).digest("base64")}`,
	);
const keys = { permit: keyOf("permit"), raise: keyOf("raise") };
/** Of the permit key two are known, as while it is exchanged. */
const nextKey = keyOf("next permit");
const signers = { ...keys, next: nextKey, nobody: keyOf("nobody") };

type Sent = Partial<Omit<Permit, "desk">> & {
	readonly generation: number;
	readonly uid?: string;
	readonly namespace?: string;
	/** Several sign beside one another while keys are exchanged. */
	readonly signer?: keyof typeof signers | readonly (keyof typeof signers)[];
	/** How much later than the receiver its sender believes it is. */
	readonly clockAhead?: number;
	readonly alter?: (body: string) => string;
};

/** Writes one story down. */
class Story {
	readonly steps: VectorStep[] = [];
	#now = 0;
	#messages = 0;

	wait(milliseconds: number, permissions: Permissions): this {
		this.#now += milliseconds;
		return this.#step({ permissions });
	}

	send(sent: Sent, expect: Expected): this {
		const { generation, uid, namespace, signer = "permit", clockAhead = 0, alter, ...rest } = sent;
		const mode = rest.mode ?? "Normal";
		const body = encodePermit({
			version: 1,
			kind: "Permit",
			desk: { namespace: namespace ?? desk.namespace, uid: uid ?? desk.uid, generation },
			target: "bots",
			mode,
			permissions: permissionsOf(mode),
			duties: mode === "Emergency" ? halt : {},
			reason: "",
			ttlMilliseconds: 5_000,
			...rest,
		});
		this.#messages += 1;
		const head = { id: `msg_${this.#messages}`, sentAt: startedAt + this.#now + clockAhead };
		const headers = signBody(
			body,
			head,
			[signer].flat().map((name) => signers[name]),
		);
		return this.#step(expect, { headers, body: alter?.(body) ?? body });
	}

	/** The message of an earlier step once more. */
	replay(index: number, expect: Expected): this {
		const message = this.steps[index]?.message;
		if (message === undefined) throw new RangeError(`step ${index} sent nothing`);
		return this.#step(expect, message);
	}

	#step(expect: Expected, message?: VectorStep["message"]): this {
		const time = { now: this.#now, wallNow: startedAt + this.#now };
		this.steps.push({ ...time, ...(message && { message }), expect });
		return this;
	}
}

const tightened = (permissions: Permissions, generation: number, duties?: Duties): Expected => ({
	applied: "Tightened",
	epoch: generation === 0 ? nobody : at(generation),
	permissions,
	...(duties && { duties }),
});
const granted = (permissions: Permissions, generation: number, duties?: Duties): Expected => ({
	applied: "Granted",
	epoch: at(generation),
	permissions,
	...(duties && { duties }),
});

const raised = { kind: "Raise", mode: "Emergency", signer: "raise" } as const;
const limits = { maxSlippageBps: 25, maxParticipation: 0.125, quoteMaxAgeSeconds: 2 };
const flatten: Duties = { flatten: { overSeconds: 60 }, tightenStopsPercent: 25 };

/** An open gate at a generation: the first two steps of most stories. */
const opened = (generation: number) =>
	new Story()
		.send({ generation }, tightened(Pause, 0))
		.send({ generation, challenge: "challenge-1" }, granted(Normal, generation, nothing));

const stories: Readonly<Record<string, Story>> = {
	"paused until its challenge is answered, and from 5 s after the challenge was made": opened(3)
		.wait(4_999, Normal)
		.wait(1, Pause)
		.send({ generation: 3, challenge: "challenge-2" }, granted(Pause, 3))
		.send({ generation: 3, challenge: "challenge-3" }, granted(Normal, 3)),
	"a permit that is sent twice adds no time": opened(3)
		.wait(4_000, Normal)
		.replay(1, tightened(Normal, 3))
		.wait(1_000, Pause),
	"a later epoch halts at once, and its duties are told once": opened(3)
		.send({ generation: 4, mode: "Emergency" }, tightened(Emergency, 4, halt))
		.send({ generation: 4, mode: "Emergency", challenge: "challenge-3" }, granted(Emergency, 4)),
	"a late Pause after Reduce leaves what both allow": opened(3)
		.send({ generation: 5, mode: "Reduce", challenge: "challenge-2" }, granted(Reduce, 5, nothing))
		.send(
			{ generation: 4, mode: "Pause" },
			tightened({ open: false, reduce: "stops-placed", amendStops: "tighten" }, 5),
		),
	"an old Emergency takes away and is not carried out": opened(3)
		.send({ generation: 2, mode: "Emergency" }, tightened(Emergency, 3))
		.send({ generation: 3, challenge: "challenge-3" }, granted(Normal, 3)),
	"a permit of an older generation gives nothing, though it answers a challenge": opened(3).send(
		{ generation: 2, challenge: "challenge-2", permissions: Normal, mode: "Pause" },
		tightened(Normal, 3),
	),
	"another desk takes away and gives nothing": opened(3)
		.send(
			{ generation: 9, uid: stranger, mode: "Emergency", challenge: "challenge-2" },
			tightened(Emergency, 3),
		)
		.send({ generation: 9, uid: stranger, challenge: "challenge-3" }, tightened(Emergency, 3)),
	"a raise stands against renewals until the desk has moved, though its sender knew an older epoch": opened(7)
		.send({ generation: 5, kind: "Raise", mode: "Emergency", signer: "raise" }, tightened(Emergency, 7, halt))
		.send({ generation: 7, challenge: "challenge-3" }, granted(Emergency, 7))
		.send({ generation: 8, challenge: "challenge-4" }, granted(Normal, 8, nothing)),
	"the raise key gives nothing": new Story()
		.send({ generation: 3 }, tightened(Pause, 0))
		.send({ generation: 3, challenge: "challenge-1", signer: "raise" }, tightened(Pause, 0)),
	"lowered, what was told to be done is ended, and a raise that asks for nothing ends nothing": opened(3)
		.send({ generation: 4, mode: "Emergency" }, tightened(Emergency, 4, halt))
		.send({ ...raised, generation: 4, mode: "Pause" }, tightened(join(Emergency, Pause), 4))
		.send({ generation: 5, mode: "Pause" }, tightened(join(Emergency, Pause), 5, nothing)),
	"a raise whose sender's clock is 10 minutes off closes, and is not carried out": opened(3).send(
		{ generation: 3, kind: "Raise", mode: "Emergency", signer: "raise", clockAhead: 600_000 },
		tightened(Emergency, 3),
	),
	"a raise that comes twice is carried out once": opened(3)
		.send({ generation: 3, kind: "Raise", mode: "Emergency", signer: "raise" }, tightened(Emergency, 3, halt))
		.replay(2, tightened(Emergency, 3)),
	"a raise of another namespace closes, and is not carried out; one of a desk that was made anew is": opened(
		3,
	)
		.send({ ...raised, generation: 9, uid: stranger, namespace: "eq-desk" }, tightened(Emergency, 3))
		.send({ ...raised, generation: 1, uid: stranger }, tightened(Emergency, 3, halt))
		.send({ generation: 4, challenge: "challenge-4" }, granted(Emergency, 4, nothing))
		.send({ generation: 10, challenge: "challenge-5" }, granted(Normal, 10, nothing)),
	"before the first permit a raise of any desk is carried out": new Story().send(
		{ ...raised, generation: 9, namespace: "eq-desk" },
		tightened({ open: false, reduce: "stops-placed", amendStops: "none" }, 0, halt),
	),
	"from Pause to Reduce a push leaves what both allow, and the permit that answers gives the rest": opened(3)
		.send({ generation: 4, mode: "Pause", challenge: "challenge-2" }, granted(Pause, 4, nothing))
		.send(
			{ generation: 5, mode: "Reduce", duties: flatten },
			tightened({ open: false, reduce: "stops-placed", amendStops: "tighten" }, 5, flatten),
		)
		.send({ generation: 5, mode: "Reduce", duties: flatten, challenge: "challenge-4" }, granted(Reduce, 5)),
	"while the key is exchanged the old one, both and the new one grant, in whatever order they sign": opened(3)
		.send({ generation: 3, challenge: "challenge-2", signer: ["permit", "next"] }, granted(Normal, 3))
		.send({ generation: 3, challenge: "challenge-3", signer: ["nobody", "next"] }, granted(Normal, 3))
		.wait(4_000, Normal)
		.send({ generation: 3, challenge: "challenge-4", signer: "next" }, granted(Normal, 3))
		.wait(999, Normal)
		.send({ generation: 4, mode: "Emergency", signer: "next" }, tightened(Emergency, 4, halt))
		.send(
			{ generation: 4, mode: "Emergency", signer: "permit", challenge: "challenge-6" },
			granted(Emergency, 4),
		),
	"beyond the eighth no signature is looked at": opened(3).send(
		{ generation: 4, mode: "Emergency", signer: [...Array<"nobody">(8).fill("nobody"), "permit"] },
		{ error: "SIGNATURE", permissions: Normal },
	),
	"what nobody known has signed changes nothing": opened(3)
		.send({ generation: 4, mode: "Emergency", signer: "nobody" }, { error: "SIGNATURE", permissions: Normal })
		.send(
			{ generation: 4, mode: "Emergency", alter: (body) => body.replace("Emergency", "Freeze") },
			{ error: "SIGNATURE", permissions: Normal },
		)
		.send(
			{ generation: 4, mode: "Emergency", alter: (body) => body.slice(0, -1) },
			{ error: "SIGNATURE", permissions: Normal },
		),
	"what is signed and no permit changes nothing": opened(3)
		.send({ generation: 4, ttlMilliseconds: 60_001 }, { error: "MALFORMED", permissions: Normal })
		.send({ generation: -1 }, { error: "MALFORMED", permissions: Normal })
		.send({ generation: 4, limits: { maxSlippageBps: 0 } }, { error: "MALFORMED", permissions: Normal })
		.send({ generation: 4, limits: { maxParticipation: -1 } }, { error: "MALFORMED", permissions: Normal }),
	"limits of a liquidation come with the duties, whole, in part or not at all": opened(3)
		.send({ generation: 4, mode: "Emergency", limits }, { ...tightened(Emergency, 4, halt), limits })
		.send(
			{ generation: 5, mode: "Emergency", limits: { maxSlippageBps: 12.5 } },
			{ ...tightened(Emergency, 5, halt), limits: { maxSlippageBps: 12.5 } },
		),
	"frozen, nothing but cancelling is left": opened(3).send(
		{ generation: 4, mode: "Freeze", duties: { cancelAll: true } },
		tightened(permissionsOf("Freeze"), 4, { cancelAll: true }),
	),
};

/** Numbers that are exact in binary, so that every language comes to the same. */
const positions: Vectors["positions"] = {
	book: {
		account: "momentum",
		at: Date.parse("2026-01-01T00:00:01.500Z"),
		restingOrders: 2,
		held: [
			{
				symbol: "BTC",
				quantity: 12,
				entry: 100.25,
				stop: 99.75,
				target: 101,
				price: 100.3125,
				realised: -3.5,
			},
			{ symbol: "ETH", quantity: -4, entry: 50.5, price: 51.75, realised: 0 },
			{ symbol: "SOL", quantity: 0, entry: 0, price: 20, realised: 7 },
		],
	},
	expect: {
		account: "momentum",
		asOf: "2026-01-01T00:00:01.500Z",
		epoch: at(3),
		permissions: Normal,
		restingOrders: 2,
		positions: [
			{
				...{ symbol: "BTC", side: "long", quantity: 12, entry: 100.25, stop: 99.75, target: 101 },
				...{ price: 100.3125, unrealised: 0.75, realised: -3.5 },
			},
			{
				...{ symbol: "ETH", side: "short", quantity: 4, entry: 50.5, stop: null, target: null },
				...{ price: 51.75, unrealised: -5, realised: 0 },
			},
		],
	},
};

/** The vectors that every client is tested by. What is expected stands in the stories, written by hand. */
export function permitVectors(): Vectors {
	return {
		note: "Generated by `npm run vectors` from clients/stories.ts. Do not edit.",
		keys: { permit: [keys.permit, nextKey].map(writePublicKey), raise: [writePublicKey(keys.raise)] },
		scenarios: Object.entries(stories).map(([name, { steps }]) => ({ name, steps })),
		positions,
	};
}

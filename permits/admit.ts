import { join, type Permissions, permissionsOf } from "./permissions.ts";
import type { Duties, Permit } from "./permit.ts";
import type { Signer } from "./signature.ts";

/** Times are in milliseconds of the receiver's monotonic clock, but for `sentAt`. */
export type GateState = {
	/** The desk that the first permit named, until the process ends: another may only take away. */
	readonly uid?: string;
	/** Its namespace: what was raised elsewhere is not carried out here. */
	readonly namespace?: string;
	/** The highest that was seen of that desk. */
	readonly generation: number;
	/** What the last permits left. */
	readonly permissions: Permissions;
	/** Until when; after it the gate is paused. */
	readonly grantedUntil: number;
	/** What raises took away; it comes back with a permit of a later generation. */
	readonly raised?: { readonly generation: number; readonly permissions: Permissions };
	/** The raises whose duties were done, the newest last. */
	readonly raises: readonly string[];
};

/** A message as it came in: who signed it, and how old the challenge is that it answers. */
export type Received = {
	readonly id: string;
	readonly permit: Permit;
	readonly signer: Signer;
	/** Milliseconds since 1970, as the sender says. */
	readonly sentAt: number;
	/** When the challenge that it names was made here; undefined: it names none of ours. */
	readonly challengedAt?: number;
};

/**
 * Granted: it is all that counts now. Tightened: it took away what it does not allow. `duties` are to be done now.
 */
export type Admission = {
	readonly state: GateState;
	readonly applied: "Granted" | "Tightened";
	readonly duties?: Duties;
};

/** A raise that says it is older, or younger than now, tells nobody to do anything. */
const raiseFreshMilliseconds = 30_000;
const raisesKept = 64;

/** Before the first permit: paused. */
export const closed: GateState = {
	generation: 0,
	permissions: permissionsOf("Pause"),
	grantedUntil: Number.NEGATIVE_INFINITY,
	raises: [],
};

/**
 * What a message changes. Only a permit that answers a challenge of ours can give: it was signed after the challenge
 * was made, so it is neither old nor replayed, whatever the clocks say. All else takes away, permission by
 * permission. Duties are told once: with the first permit of an epoch that is later than all before, and with a raise
 * that was sent within 30 s, unless it is of another namespace.
 * `wallNow` in milliseconds since 1970.
 */
export function admit(state: GateState, received: Received, wallNow: number): Admission {
	const { permit, signer } = received;
	return signer === "raise" || permit.kind === "Raise"
		? admitRaise(state, received, wallNow)
		: admitPermit(state, received);
}

function admitRaise(state: GateState, { id, permit, sentAt }: Received, wallNow: number): Admission {
	const before = state.raised;
	const raised = {
		// Its sender may know an older epoch than this gate: a renewal of that newer one must not lift it.
		generation: Math.max(permit.desk.generation, state.generation, before?.generation ?? 0),
		permissions: before === undefined ? permit.permissions : join(before.permissions, permit.permissions),
	};
	// The raise key is that of all desks: what is sent on from one to another must not close what it holds.
	const isHere = state.namespace === undefined || state.namespace === permit.desk.namespace;
	const isFresh = Math.abs(wallNow - sentAt) <= raiseFreshMilliseconds;
	const isNew = isHere && isFresh && !state.raises.includes(id);
	const raises = isNew ? [...state.raises, id].slice(-raisesKept) : state.raises;
	return {
		state: { ...state, raised, raises },
		applied: "Tightened",
		// One that tells nothing ends nothing that was told before.
		...(isNew && Object.keys(permit.duties).length > 0 && { duties: permit.duties }),
	};
}

function admitPermit(state: GateState, { permit, challengedAt }: Received): Admission {
	const { uid, namespace, generation } = permit.desk;
	const isOurs = state.uid === undefined || state.uid === uid;
	const isNewest = isOurs && generation >= state.generation;
	const isFirst = generation > state.generation;
	if (challengedAt !== undefined && isNewest) {
		const { raised, ...rest } = state;
		return {
			state: {
				...rest,
				uid,
				namespace,
				generation,
				permissions: permit.permissions,
				grantedUntil: challengedAt + permit.ttlMilliseconds,
				...(raised !== undefined && generation <= raised.generation && { raised }),
			},
			applied: "Granted",
			...((isFirst || state.uid === undefined) && { duties: permit.duties }),
		};
	}
	const isNews = state.uid === uid && isFirst;
	return {
		state: {
			...state,
			permissions: join(state.permissions, permit.permissions),
			...(isNews && { generation }),
		},
		applied: "Tightened",
		...(isNews && { duties: permit.duties }),
	};
}

/** What may be done at a time of the receiver's monotonic clock. */
export function permissionsAt(state: GateState, now: number): Permissions {
	const { permissions, grantedUntil, raised } = state;
	const live = now < grantedUntil ? permissions : join(permissions, permissionsOf("Pause"));
	return raised === undefined ? live : join(live, raised.permissions);
}

/** Until when opening is allowed, if nothing more comes in; minus infinity where it is not. */
export function openUntil({ permissions, grantedUntil, raised }: GateState): number {
	return permissions.open && raised?.permissions.open !== false ? grantedUntil : Number.NEGATIVE_INFINITY;
}

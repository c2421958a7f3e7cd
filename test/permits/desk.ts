import type { KeyObject } from "node:crypto";
import type { Acknowledgement } from "../../permits/acknowledgement.ts";
import { Gate } from "../../permits/gate.ts";
import { generateKeys, readPrivateKey, readPublicKey } from "../../permits/keys.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import { type Duties, encodePermit, type Permit } from "../../permits/permit.ts";
import { signBody } from "../../permits/signature.ts";

/** A permit of generation 1 for Normal, with what a test wants otherwise. */
export function permitOf(
	rest: Partial<Permit> & { readonly generation?: number; readonly uid?: string } = {},
): Permit {
	const { generation = 1, uid = "desk-uid", mode = "Normal", ...others } = rest;
	return {
		version: 1,
		kind: "Permit",
		desk: { namespace: "desk", uid, generation },
		target: "bots",
		mode,
		permissions: permissionsOf(mode),
		duties: mode === "Emergency" ? { cancelAll: true, flatten: { overSeconds: 0 } } : {},
		reason: "",
		ttlMilliseconds: 5_000,
		...others,
	};
}

/** A gate with a clock that stands still until it is moved, and somebody who signs for it. */
export class TestGate {
	now = 0;
	wall = Date.parse("2026-01-01T00:00:00Z");
	/** What it was told to do; that there is nothing more to do is left out. */
	readonly done: Duties[] = [];
	readonly permitKey: KeyObject;
	readonly raiseKey: KeyObject;
	readonly gate: Gate;
	#id = 0;

	constructor() {
		const permit = generateKeys();
		const raise = generateKeys();
		this.permitKey = readPrivateKey(permit.privateKey);
		this.raiseKey = readPrivateKey(raise.privateKey);
		const keys = { permit: [readPublicKey(permit.publicKey)], raise: [readPublicKey(raise.publicKey)] };
		this.gate = new Gate({
			keys: () => keys,
			onDuties: (duties) => {
				if (Object.keys(duties).length > 0) this.done.push(duties);
			},
			now: () => this.now,
			wallNow: () => this.wall,
		});
	}

	/** Both clocks. */
	pass(milliseconds: number): void {
		this.now += milliseconds;
		this.wall += milliseconds;
	}

	/** A message as it goes over the wire, to be received once or often. */
	message(permit: Permit, signer: "permit" | "raise" = "permit", sentAt = this.wall) {
		const body = encodePermit(permit);
		this.#id += 1;
		const key = signer === "permit" ? this.permitKey : this.raiseKey;
		return { body, headers: signBody(body, { id: `msg_${this.#id}`, sentAt }, [key]) };
	}

	receive({ body, headers }: ReturnType<TestGate["message"]>): Acknowledgement {
		return this.gate.receive(body, headers);
	}

	/** Sends without challenge, and again with the one that came back: what the operator does at first. */
	grant(permit: Permit): Acknowledgement {
		const { challenge } = this.receive(this.message(permit));
		return this.receive(this.message({ ...permit, challenge }));
	}
}

/** A private key that nobody knows. */
export const strangerKey = (): KeyObject => readPrivateKey(generateKeys().privateKey);

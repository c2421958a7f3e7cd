import type { Acknowledgement } from "../../../permits/acknowledgement.ts";
import { generateKeys, readPrivateKey } from "../../../permits/keys.ts";
import { encodePermit, type Permit } from "../../../permits/permit.ts";
import { type Signer, signBody } from "../../../permits/signature.ts";
import { permitOf } from "../../permits/desk.ts";
import type { Scope } from "../../support/scope.ts";

/** Keys of a desk, and whoever signs with them. */
export type Issuer = ReturnType<typeof createIssuer>;

/** One bot as the operator sees it. */
export type Sender = ReturnType<Issuer["to"]>;

type Wanted = Parameters<typeof permitOf>[0];

/** Makes new keys. */
export function createIssuer() {
	const permitKeys = generateKeys();
	const raiseKeys = generateKeys();
	const keys = {
		permit: readPrivateKey(permitKeys.privateKey),
		raise: readPrivateKey(raiseKeys.privateKey),
	};
	let count = 0;

	/** Sends one message and returns the status and the answer. */
	async function post(
		port: number,
		permit: Permit,
		signer: Signer = "permit",
	): Promise<{ status: number; answer: Acknowledgement }> {
		count += 1;
		const body = encodePermit(permit);
		const headers = { ...signBody(body, { id: `m-${count}`, sentAt: Date.now() }, [keys[signer]]) };
		const response = await fetch(`http://127.0.0.1:${port}/permit`, { method: "POST", body, headers });
		return { status: response.status, answer: (await response.json()) as Acknowledgement };
	}

	return {
		keys: { permit: [permitKeys.publicKey], raise: [raiseKeys.publicKey] },
		/** For the command line of a bot. */
		args: ["--permit-key", permitKeys.publicKey, "--raise-key", raiseKeys.publicKey],
		post,
		/** Plays the operator for one bot: `set` sends a permit at once, and renews it until another is set. */
		to(t: Scope, port: number) {
			let challenge: string | undefined;
			let timer: NodeJS.Timeout | undefined;

			async function send(wanted: Wanted): Promise<Acknowledgement> {
				const permit = permitOf({ ...wanted, ...(challenge !== undefined && { challenge }) });
				const { status, answer } = await post(port, permit);
				if (status !== 200) throw new Error(`${status} ${JSON.stringify(answer)}`);
				challenge = answer.challenge;
				return answer;
			}

			function stop(): void {
				clearTimeout(timer);
				timer = undefined;
			}

			t.teardown(stop);
			return {
				send,
				/** No more renewals. */
				stop,
				/** The answer to the first message that carries this permit: granted, when a challenge was there. */
				async set(wanted: Wanted = {}): Promise<Acknowledgement> {
					stop();
					const first = await send(wanted);
					const granted = first.applied === "Granted" ? first : await send(wanted);
					const again = () => {
						timer = setTimeout(() => {
							send(wanted).then(() => timer !== undefined && again(), stop);
						}, permitOf(wanted).ttlMilliseconds / 3);
					};
					again();
					return granted;
				},
			};
		},
	};
}

import type { KeyObject } from "node:crypto";
import { operatorNamespace, permitKeySecret, raiseKeySecret } from "../../crds/roles.ts";
import { wait } from "../../kube/backoff.ts";
import type { Client } from "../../kube/client.ts";
import { ifThere, isKubeError } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { isPermitError } from "../../permits/error.ts";
import { readPrivateKey, writePublicKey } from "../../permits/keys.ts";

const pauseMilliseconds = 5_000;

/** The keys of this operator. Several of a kind while they are exchanged: with each is signed, all are published. */
export type PermitKeys = {
	readonly signing: readonly KeyObject[];
	/** Public halves, as `whpk_...`: what a gate must know. */
	readonly known: { readonly permit: readonly string[]; readonly raise: readonly string[] };
	/** Why nothing can be signed, with the remedy. Absent: it can. */
	readonly problem?: string;
	/** Why nobody with a button can tell bots straight, with the remedy. Absent: they can. */
	readonly raiseProblem?: string;
};

type Secret = { readonly data?: Readonly<Record<string, string>> };

/** Reads the Secrets with the keys, every 5 s: what is exchanged there is in use soon after. */
export class KeyReader {
	readonly #client: Pick<Client, "get">;
	readonly #namespace: string;
	readonly #onError: (error: unknown) => void;
	readonly #onChange: () => void;
	readonly #stopped = new AbortController();
	#reading: Promise<void> = Promise.resolve();
	#keys: PermitKeys | undefined;

	constructor(
		client: Pick<Client, "get">,
		namespace: string = operatorNamespace,
		hooks: { readonly onError: (error: unknown) => void; readonly onChange: () => void },
	) {
		this.#client = client;
		this.#namespace = namespace;
		this.#onError = hooks.onError;
		this.#onChange = hooks.onChange;
	}

	/** As read last; undefined before that. */
	get keys(): PermitKeys | undefined {
		return this.#keys;
	}

	start(): void {
		this.#reading = this.#readForEver();
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#reading;
	}

	async #readForEver(): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			try {
				const before = this.#keys;
				this.#keys = keysFrom(
					await this.#read(permitKeySecret),
					await this.#read(raiseKeySecret),
					this.#namespace,
				);
				if (!isSame(before, this.#keys)) this.#onChange();
			} catch (error) {
				if (signal.aborted) return;
				// The keys read before stay in use: that they cannot be read now says nothing about them.
				if (this.#keys === undefined && isKubeError(error, "FORBIDDEN")) {
					const problem = forbidden(this.#namespace);
					this.#keys = { signing: [], known: { permit: [], raise: [] }, problem, raiseProblem: problem };
					this.#onChange();
				}
				this.#onError(error);
			}
			await wait(pauseMilliseconds, signal);
		}
	}

	#read(name: string): Promise<Secret | undefined> {
		const path = pathOf({ group: "", version: "v1", resource: "secrets", namespace: this.#namespace, name });
		return ifThere(
			this.#client.get<Secret>(path, undefined, {
				deadlineMilliseconds: pauseMilliseconds,
				signal: this.#stopped.signal,
			}),
		);
	}
}

const forbidden = (namespace: string) =>
	`the Secrets ${permitKeySecret} and ${raiseKeySecret} of ${namespace} may not be read: apply crds/generated/ again`;

/** The keys in two Secrets. Each entry of a Secret is one key, `whsk_...`; what is none makes it unusable as a whole. */
export function keysFrom(
	permit: Secret | undefined,
	raise: Secret | undefined,
	namespace: string,
): PermitKeys {
	const [permits, raises] = [
		parse(permit, permitKeySecret, namespace),
		parse(raise, raiseKeySecret, namespace),
	];
	const known = { permit: permits.keys.map(writePublicKey), raise: raises.keys.map(writePublicKey) };
	return {
		signing: permits.keys,
		known,
		...(permits.problem !== undefined && { problem: permits.problem }),
		...(raises.problem !== undefined && { raiseProblem: raises.problem }),
	};
}

function parse(
	secret: Secret | undefined,
	name: string,
	namespace: string,
): { readonly keys: readonly KeyObject[]; readonly problem?: string } {
	const where = `Secret ${namespace}/${name}`;
	const remedy = "make one with `npm run permit-keys`";
	const entries = Object.entries(secret?.data ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
	if (secret === undefined) return { keys: [], problem: `${where} is not there: ${remedy}` };
	if (entries.length === 0) return { keys: [], problem: `${where} holds no key: ${remedy}` };
	const keys: KeyObject[] = [];
	for (const [entry, base64] of entries) {
		try {
			keys.push(readPrivateKey(Buffer.from(base64, "base64").toString()));
		} catch (error) {
			if (!isPermitError(error)) throw error;
			return { keys: [], problem: `${where}, entry ${entry}: ${error.message}: ${remedy}` };
		}
	}
	return { keys };
}

function isSame(a: PermitKeys | undefined, b: PermitKeys): boolean {
	const parts = ({ known, problem, raiseProblem }: PermitKeys) =>
		JSON.stringify([known, problem, raiseProblem]);
	return a !== undefined && parts(a) === parts(b);
}

import type { KeyObject } from "node:crypto";
import { raiseKeySecret } from "../crds/roles.ts";
import { wait } from "../kube/backoff.ts";
import type { Client } from "../kube/client.ts";
import { ifThere } from "../kube/error.ts";
import { pathOf } from "../kube/paths.ts";
import { readPrivateKey } from "../permits/keys.ts";

type Secret = { readonly data?: Readonly<Record<string, string>> };

const pauseMilliseconds = 5_000;

/** Reads the keys that raises are signed with, every 5 s. Those read before stay in use where they cannot be read. */
export class RaiseKeys {
	readonly #client: Pick<Client, "get">;
	readonly #path: string;
	readonly #onError: (error: unknown) => void;
	readonly #stopped = new AbortController();
	#reading: Promise<void> = Promise.resolve();
	#keys: readonly KeyObject[] = [];
	#problem: string | undefined = "they were not read yet";

	/** `onError` must not throw. */
	constructor(client: Pick<Client, "get">, namespace: string, onError: (error: unknown) => void) {
		this.#client = client;
		this.#path = pathOf({ group: "", version: "v1", resource: "secrets", namespace, name: raiseKeySecret });
		this.#onError = onError;
	}

	/** As read last. */
	readonly signing = (): readonly KeyObject[] => this.#keys;

	/** Why bots cannot be told straight; undefined: they can. */
	readonly problem = (): string | undefined => this.#problem;

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
				const options = { deadlineMilliseconds: pauseMilliseconds, signal };
				const secret = await ifThere(this.#client.get<Secret>(this.#path, undefined, options));
				const texts = Object.values(secret?.data ?? {});
				this.#keys = texts.map((text) => readPrivateKey(Buffer.from(text, "base64").toString()));
				this.#problem = texts.length > 0 ? undefined : `the Secret ${raiseKeySecret} has no key`;
			} catch (error) {
				if (signal.aborted) return;
				this.#problem = `the Secret ${raiseKeySecret} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
				this.#onError(error);
			}
			await wait(pauseMilliseconds, signal);
		}
	}
}

import type { Client } from "./client.ts";
import { KubeError } from "./error.ts";
import { pathOf } from "./paths.ts";

export type ServiceAccountTokenOptions = {
	readonly client: Pick<Client, "create">;
	readonly namespace: string;
	/** Name of the service account. The caller needs `create` on its `serviceaccounts/token`. */
	readonly name: string;
	/** Default: that of the API server. */
	readonly audiences?: readonly string[];
	/** How long a token shall last; the API server grants at least 600. */
	readonly seconds?: number;
	/** A monotonic clock in milliseconds. */
	readonly now?: () => number;
};

/** A `TokenRequest` (authentication.k8s.io/v1), as far as it is read here. */
type TokenRequest = {
	readonly spec?: { readonly expirationSeconds?: number };
	readonly status?: { readonly token?: string };
};

/** Short-lived tokens of a service account, for `Connection.withToken`. */
export class ServiceAccountToken {
	readonly #options: ServiceAccountTokenOptions;
	readonly #now: () => number;
	#current: { readonly token: string; readonly until: number } | undefined;
	#asking: Promise<string> | undefined;

	constructor(options: ServiceAccountTokenOptions) {
		this.#options = options;
		this.#now = options.now ?? (() => performance.now());
	}

	/** A token with at least a fifth of its life left; asks the API server for one when there is none. */
	get(): Promise<string> {
		if (this.#current !== undefined && this.#now() < this.#current.until) {
			return Promise.resolve(this.#current.token);
		}
		this.#asking ??= this.#ask().finally(() => {
			this.#asking = undefined;
		});
		return this.#asking;
	}

	/** Forgets the token: whoever has lost the right to use it should not keep it. */
	forget(): void {
		this.#current = undefined;
	}

	async #ask(): Promise<string> {
		const { client, namespace, name, audiences, seconds } = this.#options;
		const path = pathOf({
			group: "",
			version: "v1",
			resource: "serviceaccounts",
			namespace,
			name,
			subresource: "token",
		});
		const body = {
			apiVersion: "authentication.k8s.io/v1",
			kind: "TokenRequest",
			spec: { expirationSeconds: seconds ?? 600, ...(audiences === undefined ? {} : { audiences }) },
		};
		// From before the request: the life of the token begins at the server, after it.
		const askedAt = this.#now();
		const answer = await client.create<TokenRequest>(path, body);
		const token = answer.status?.token;
		if (!token) throw new KubeError("MALFORMED", `POST ${path}: the answer has no token`);
		const granted = answer.spec?.expirationSeconds ?? seconds ?? 600;
		this.#current = { token, until: askedAt + granted * 800 };
		return token;
	}
}

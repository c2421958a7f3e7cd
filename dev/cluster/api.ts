import { Agent, request } from "undici";
import { ClusterError } from "./errors.ts";
import type { KeyPair } from "./pki.ts";

/** Plain requests to the API server as one user, for what the cluster itself needs. */
export type ApiClient = {
	/** Returns the decoded answer; throws `RequestFailed` for a status of 400 and above. */
	call(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<unknown>;
	close(): Promise<void>;
};

/** An API client that trusts only the authority `ca` (PEM) and presents the user's certificate. */
export function createApiClient(server: string, ca: string, user: KeyPair): ApiClient {
	const dispatcher = new Agent({
		connect: { ca, cert: user.certificate, key: user.key },
		headersTimeout: 15_000,
		bodyTimeout: 15_000,
	});
	return {
		async call(method, path, body) {
			const response = await request(server + path, {
				dispatcher,
				method,
				headers: { accept: "application/json", "content-type": "application/json" },
				body: body === undefined ? null : JSON.stringify(body),
			});
			const text = await response.body.text();
			if (response.statusCode >= 400) {
				throw new ClusterError("RequestFailed", `${method} ${path}: ${response.statusCode} ${text}`);
			}
			return text.startsWith("{") ? JSON.parse(text) : text;
		},
		close: () => dispatcher.close(),
	};
}

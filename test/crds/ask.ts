import type { Client } from "../../kube/client.ts";

/** What the API server answers to one call, with the warnings that the gateway of ours does not look at. */
export type Answer<T> = {
	/** `allowed`, or what it says to the person whose call it refuses. */
	readonly said: string;
	readonly warnings: readonly string[];
	readonly object: T;
};

/** How a call is sent. */
export type Call = { readonly method: "POST" | "PATCH"; readonly path: string; readonly body: unknown };

/** Sends one call as a dry run. */
export async function ask<T>({ connection }: Client, { method, path, body }: Call): Promise<Answer<T>> {
	const response = await connection.calls.request({
		origin: connection.server.origin,
		path: `${path}?dryRun=All`,
		method,
		headers: {
			...(await connection.headers()),
			accept: "application/json",
			"content-type": method === "POST" ? "application/json" : "application/merge-patch+json",
		},
		body: JSON.stringify(body),
	});
	const answer = (await response.body.json()) as { readonly message?: string };
	const refused = response.statusCode >= 400;
	return {
		said: refused ? (answer.message ?? "").replace(/^.* denied request: /s, "denied: ") : "allowed",
		warnings: warningsIn([response.headers.warning ?? []].flat().join(", ")),
		object: answer as T,
	};
}

/** The texts of a Warning header (RFC 7234, section 5.5): `299 - "text"`, quotes and backslashes escaped. */
function warningsIn(header: string): readonly string[] {
	return [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) =>
		text.replaceAll(/\\(.)/g, "$1"),
	);
}

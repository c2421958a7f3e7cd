/** Who a kubeconfig logs in as. */
export type Credential =
	| { readonly kind: "Certificate"; readonly certificate: string; readonly key: string }
	| { readonly kind: "Token"; readonly token: string };

const CLUSTER = "tradingsafety-dev";

/** A kubeconfig (JSON, which is YAML too) with everything inline; the server is verified against `ca` (PEM). */
export function renderKubeconfig(server: string, ca: string, user: string, credential: Credential): string {
	const context = `${user}@${CLUSTER}`;
	return `${JSON.stringify(
		{
			apiVersion: "v1",
			kind: "Config",
			clusters: [{ name: CLUSTER, cluster: { server, "certificate-authority-data": base64(ca) } }],
			users: [{ name: user, user: renderCredential(credential) }],
			contexts: [{ name: context, context: { cluster: CLUSTER, user } }],
			"current-context": context,
		},
		undefined,
		2,
	)}\n`;
}

function renderCredential(credential: Credential): Record<string, string> {
	switch (credential.kind) {
		case "Certificate":
			return {
				"client-certificate-data": base64(credential.certificate),
				"client-key-data": base64(credential.key),
			};
		case "Token":
			return { token: credential.token };
	}
}

function base64(text: string): string {
	return Buffer.from(text).toString("base64");
}

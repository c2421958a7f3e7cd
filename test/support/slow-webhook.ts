import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { readKeyPair } from "../../dev/cluster/credentials.ts";
import { clusterFiles } from "../../dev/cluster/files.ts";
import { issueCertificate } from "../../dev/cluster/pki.ts";

type Review = { readonly request: { readonly uid: string } };

/** An admission webhook on loopback that allows everything, late. */
export type SlowWebhook = {
	/** For `clientConfig` of a webhook configuration. */
	readonly clientConfig: { readonly url: string; readonly caBundle: string };
	readonly stop: () => Promise<void>;
};

/** Starts a webhook that takes this long over each answer. */
export async function startSlowWebhook(
	{ dir }: Pick<ClusterAccess, "dir">,
	milliseconds: number,
): Promise<SlowWebhook> {
	const authority = readKeyPair(clusterFiles(dir), "ca");
	const { certificate: cert, key } = await issueCertificate(authority, {
		commonName: "webhook",
		ipAddresses: ["127.0.0.1"],
		usage: "Server",
	});
	const server = createServer({ cert, key }, (request, response) => {
		const chunks: Buffer[] = [];
		// The API server hangs up when its own caller does.
		request.on("error", () => response.destroy());
		request.on("data", (chunk: Buffer) => chunks.push(chunk));
		request.on("end", () => {
			const { request: asked } = JSON.parse(Buffer.concat(chunks).toString()) as Review;
			const answer = {
				apiVersion: "admission.k8s.io/v1",
				kind: "AdmissionReview",
				response: { uid: asked.uid, allowed: true },
			};
			setTimeout(() => {
				response.writeHead(200, { "content-type": "application/json" });
				response.end(JSON.stringify(answer));
			}, milliseconds);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	return {
		clientConfig: {
			url: `https://127.0.0.1:${port}/`,
			caBundle: Buffer.from(authority.certificate).toString("base64"),
		},
		async stop() {
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeAllConnections();
			await closed;
		},
	};
}

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterFiles } from "./files.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import {
	type CertificateRequest,
	createAuthority,
	createTokenKeys,
	issueCertificate,
	type KeyPair,
} from "./pki.ts";
import { kubeconfigOf, SERVICE_ADDRESS } from "./servers.ts";

const LOOPBACK = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };

/**
 * Makes every key, certificate and kubeconfig that the servers and the administrator need. The other servers use the
 * first API server, the administrator has a kubeconfig for each.
 */
export async function writeCredentials(files: ClusterFiles, servers: readonly string[]): Promise<void> {
	const [server = "", ...further] = servers;
	const ca = await createAuthority("tradingsafety-dev");
	writePair(files, "ca", ca);
	const issue = async (name: string, request: CertificateRequest): Promise<KeyPair> => {
		const pair = await issueCertificate(ca, request);
		writePair(files, name, pair);
		return pair;
	};
	await issue("kube-apiserver", {
		commonName: "kube-apiserver",
		dnsNames: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
		ipAddresses: ["127.0.0.1", SERVICE_ADDRESS],
		usage: "Server",
	});
	const clients = [
		{ name: "admin", user: "admin", groups: ["system:masters"], path: files.kubeconfig },
		...["kube-controller-manager", "kube-scheduler"].map((name) => ({
			name,
			user: `system:${name}`,
			groups: [],
			path: kubeconfigOf(files, name),
		})),
		// The nodes and their pods are played with the rights of the group that has them all.
		{ name: "kwok", user: "kwok", groups: ["system:masters"], path: kubeconfigOf(files, "kwok") },
	];
	for (const { name, user, groups, path } of clients) {
		const pair = await issue(name, { commonName: user, organizations: groups, usage: "Client" });
		const kubeconfig = renderKubeconfig(server, ca.certificate, user, { kind: "Certificate", ...pair });
		writeFileSync(path, kubeconfig, { mode: 0o600 });
	}
	const admin = { kind: "Certificate", ...readKeyPair(files, "admin") } as const;
	for (const [index, other] of further.entries()) {
		const kubeconfig = renderKubeconfig(other, ca.certificate, "admin", admin);
		writeFileSync(adminKubeconfig(files, index + 1), kubeconfig, { mode: 0o600 });
	}
	await writeEtcdCredentials(files);
	const tokens = createTokenKeys();
	writeSecret(files, "tokens.pub", tokens.publicKey);
	writeSecret(files, "tokens.key", tokens.privateKey);
}

/** With an authority of its own: a certificate of any Kubernetes user must not open etcd. */
async function writeEtcdCredentials(files: ClusterFiles): Promise<void> {
	const ca = await createAuthority("tradingsafety-dev-etcd");
	writeSecret(files, "etcd-ca.crt", ca.certificate);
	writePair(files, "etcd", await issueCertificate(ca, { commonName: "etcd", ...LOOPBACK, usage: "Peer" }));
	const client = await issueCertificate(ca, { commonName: "kube-apiserver", usage: "Client" });
	writePair(files, "etcd-client", client);
}

/** The path of the administrator's kubeconfig for one API server; the first is 0. */
export function adminKubeconfig(files: ClusterFiles, apiServer: number): string {
	return apiServer === 0 ? files.kubeconfig : kubeconfigOf(files, `admin-${apiServer + 1}`);
}

/** The certificate and key that {@link writeCredentials} made under this name. */
export function readKeyPair(files: ClusterFiles, name: string): KeyPair {
	return {
		certificate: readFileSync(join(files.pki, `${name}.crt`), "utf8"),
		key: readFileSync(join(files.pki, `${name}.key`), "utf8"),
	};
}

function writePair(files: ClusterFiles, name: string, pair: KeyPair): void {
	writeSecret(files, `${name}.crt`, pair.certificate);
	writeSecret(files, `${name}.key`, pair.key);
}

function writeSecret(files: ClusterFiles, name: string, content: string): void {
	writeFileSync(join(files.pki, name), content, { mode: 0o600 });
}

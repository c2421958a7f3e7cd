import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createApiClient } from "./api.ts";
import { adminKubeconfig, readKeyPair } from "./credentials.ts";
import { ClusterError } from "./errors.ts";
import { clusterFiles, readDescription, writeAtomically } from "./files.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import { issueCertificate } from "./pki.ts";
import { kubeconfigOf } from "./servers.ts";

/** A user as the API server sees one. */
export type User = { readonly name: string; readonly groups?: readonly string[] };

/** A service account that exists. */
export type ServiceAccount = { readonly namespace: string; readonly name: string };

/** What any process may do with a running cluster, started by itself or by another. */
export type ClusterAccess = {
	readonly dir: string;
	/** `https://127.0.0.1:PORT` of the API server that all kubeconfigs here lead to. */
	readonly server: string;
	/** Of all API servers, `server` among them. */
	readonly servers: readonly string[];
	/** The same cluster by another API server; the first is 0. */
	at(apiServer: number): ClusterAccess;
	readonly caFile: string;
	/** The path of the administrator's kubeconfig (group `system:masters`). */
	readonly kubeconfig: string;
	/** The path of the kubectl binary. */
	readonly kubectl: string;
	/** Writes a kubeconfig with a client certificate for a user and returns its path. The user has no rights but those RBAC gives. */
	kubeconfigFor(user: User): Promise<string>;
	/** Writes a kubeconfig with a token (TokenRequest, valid for a day) of an existing service account and returns its path. */
	kubeconfigForServiceAccount(account: ServiceAccount): Promise<string>;
	/** What the kubelet gives to a pod of a service account: the mounted folder, here with a token for a day, and its variables. */
	podAccess(account: ServiceAccount): Promise<{
		readonly folder: string;
		readonly env: { readonly KUBERNETES_SERVICE_HOST: string; readonly KUBERNETES_SERVICE_PORT: string };
	}>;
};

/**
 * Access to the cluster in `dir`, which is ready, by one of its API servers.
 * @throws ClusterError `NotRunning` when there is none, `BadArguments` when it has no such API server.
 */
export function openCluster(dir: string, apiServer = 0): ClusterAccess {
	const files = clusterFiles(dir);
	const description = readDescription(files);
	if (description === undefined) throw new ClusterError("NotRunning", `no cluster is running in ${dir}`);
	const { servers, kubectl } = description;
	const server = servers[apiServer];
	if (server === undefined) {
		throw new ClusterError("BadArguments", `the cluster in ${dir} has ${servers.length} API servers`);
	}
	const caFile = join(files.pki, "ca.crt");
	const authority = readKeyPair(files, "ca");

	const createToken = async ({ namespace, name }: ServiceAccount): Promise<string> => {
		const api = createApiClient(server, authority.certificate, readKeyPair(files, "admin"));
		try {
			const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
			const answer = (await api.call("POST", path, {
				apiVersion: "authentication.k8s.io/v1",
				kind: "TokenRequest",
				spec: { expirationSeconds: 24 * 60 * 60 },
			})) as { readonly status: { readonly token: string } };
			return answer.status.token;
		} finally {
			await api.close();
		}
	};

	return {
		dir,
		server,
		servers,
		at: (other) => openCluster(dir, other),
		caFile,
		kubeconfig: adminKubeconfig(files, apiServer),
		kubectl,
		async kubeconfigFor(user) {
			const path = kubeconfigOf(files, fileNameOf(apiServer, user.name, user.groups ?? []));
			const pair = await issueCertificate(authority, {
				commonName: user.name,
				organizations: user.groups ?? [],
				usage: "Client",
			});
			writeAtomically(
				path,
				renderKubeconfig(server, authority.certificate, user.name, { kind: "Certificate", ...pair }),
			);
			return path;
		},
		async kubeconfigForServiceAccount(account) {
			const user = userOf(account);
			const path = kubeconfigOf(files, fileNameOf(apiServer, user, []));
			const token = await createToken(account);
			writeAtomically(path, renderKubeconfig(server, authority.certificate, user, { kind: "Token", token }));
			return path;
		},
		async podAccess(account) {
			const folder = `${kubeconfigOf(files, fileNameOf(apiServer, userOf(account), []))}.pod`;
			mkdirSync(folder, { recursive: true, mode: 0o700 });
			writeAtomically(join(folder, "token"), await createToken(account));
			writeAtomically(join(folder, "ca.crt"), authority.certificate);
			const { hostname, port } = new URL(server);
			return { folder, env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port } };
		},
	};
}

const userOf = ({ namespace, name }: ServiceAccount) => `system:serviceaccount:${namespace}:${name}`;

/** Readable, safe as a file name, and different for different users and API servers. */
function fileNameOf(apiServer: number, name: string, groups: readonly string[]): string {
	const digest = createHash("sha256")
		.update(JSON.stringify([apiServer, name, groups]))
		.digest("hex")
		.slice(0, 8);
	return `${name.replaceAll(/[^A-Za-z0-9.-]+/g, "-").slice(0, 60)}-${digest}`;
}

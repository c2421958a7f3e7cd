import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AccessSource } from "./access.ts";
import { KubeError } from "./error.ts";

/** Where the kubelet mounts the account of a pod (Kubernetes: "Accessing the Kubernetes API from a Pod"). */
export const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Names of the variables by which the kubelet tells a pod where the API server is. */
type ServiceEnv = {
	readonly KUBERNETES_SERVICE_HOST?: string | undefined;
	readonly KUBERNETES_SERVICE_PORT?: string | undefined;
};

/** Whether this process was told where the API server is as pods are. */
export function isInPod(env: ServiceEnv): boolean {
	return Boolean(env.KUBERNETES_SERVICE_HOST);
}

/**
 * The account of the pod: `token` and `ca.crt` in `folder`, read anew each time, since the kubelet replaces them.
 * Loads nothing of client-node, whose models take 50 MB.
 */
export function followServiceAccount(env: ServiceEnv, folder = serviceAccountFolder): AccessSource {
	return {
		async present() {
			const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
			const authority = host?.includes(":") ? `[${host}]` : host;
			const url = `https://${authority}:${port}`;
			if (!host || !URL.canParse(url)) {
				const found = `KUBERNETES_SERVICE_HOST is "${host ?? ""}" and KUBERNETES_SERVICE_PORT "${port}"`;
				throw new KubeError("CONFIG", `a pod is told where the API server is, but ${found}`);
			}
			const [token, ca] = [read(join(folder, "token")), read(join(folder, "ca.crt"))];
			return { server: new URL(url), tls: { ca }, headers: { Authorization: `Bearer ${token.trim()}` } };
		},
		// Nothing is remembered.
		renew() {},
	};
}

/** At once: the file is in memory (tmpfs), and a disk that hangs elsewhere may hold the threads that would read it. */
function read(path: string): string {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (cause) {
		throw new KubeError("CONFIG", `cannot read ${path} of the pod's account`, { cause });
	}
	if (text.trim() === "") throw new KubeError("CONFIG", `${path} of the pod's account is empty`);
	return text;
}

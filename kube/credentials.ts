import type { AccessSource } from "./access.ts";
import { followServiceAccount, isInPod } from "./service-account.ts";

/** Where credentials are, if somebody says so. */
export type CredentialOptions = {
	/** Path of a kubeconfig. */
	readonly kubeconfig?: string;
	/** Folder with the token and the authority of a service account. */
	readonly serviceAccount?: string;
};

/** Those named, or else those of `KUBECONFIG`, of the pod, of the home directory: the first that there are. */
export async function credentials(
	{ kubeconfig, serviceAccount }: CredentialOptions,
	env: NodeJS.ProcessEnv,
): Promise<AccessSource> {
	const isPod = kubeconfig === undefined && env.KUBECONFIG === undefined && isInPod(env);
	if (serviceAccount !== undefined || isPod) return followServiceAccount(env, serviceAccount);
	// Only here: client-node takes 50 MB, a third of what a replica has in a pod.
	const { followKubeConfig } = await import("./kubeconfig.ts");
	return followKubeConfig(kubeconfig);
}

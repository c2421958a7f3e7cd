import { KubeConfig } from "@kubernetes/client-node";
import { KubeError } from "./error.ts";

/** A kubeconfig that may be rewritten while it is used. */
export type KubeConfigSource = {
	/** The present one: the same object for as long as its content is the same. */
	readonly present: () => KubeConfig;
	/** Makes the next present one a new object, which remembers nothing that a plug-in or a token file gave. */
	readonly renew: () => void;
};

/** The kubeconfig at `path`; without a path the usual places: `KUBECONFIG`, the home directory, in the cluster. */
export function loadKubeConfig(path?: string): KubeConfig {
	const config = new KubeConfig();
	try {
		if (path === undefined) config.loadFromDefault();
		else config.loadFromFile(path);
	} catch (cause) {
		throw new KubeError("CONFIG", `cannot read the kubeconfig ${path ?? "(default places)"}`, { cause });
	}
	// Where it finds none client-node makes one up, with this context, that leads to port 8080 of this machine.
	if (path === undefined && config.getCurrentContext() === "loaded-context") {
		throw new KubeError("CONFIG", "there is no kubeconfig in the default places");
	}
	return config;
}

/** Reads the kubeconfig at `path` (or in the usual places) anew each time it is asked for. */
export function followKubeConfig(path?: string): KubeConfigSource {
	let current: KubeConfig | undefined;
	return {
		present() {
			const found = loadKubeConfig(path);
			if (current === undefined || contentOf(found) !== contentOf(current)) current = found;
			return current;
		},
		renew() {
			current = undefined;
		},
	};
}

function contentOf(config: KubeConfig): string {
	const { clusters, users, contexts, currentContext } = config;
	return JSON.stringify([clusters, users, contexts, currentContext]);
}

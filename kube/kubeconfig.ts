import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import type { Access, AccessSource } from "./access.ts";
import { KubeError } from "./error.ts";

/** The kubeconfig at `path`, read once, with one of its contexts; without a path the usual places, see {@link followKubeConfig}. */
export function loadKubeConfig(path?: string, context?: string): AccessSource {
	const config = load(path);
	if (context !== undefined) config.setCurrentContext(context);
	return fromKubeConfig(config);
}

/** What the current context of `config` leads to. */
export function fromKubeConfig(config: KubeConfig): AccessSource {
	return { present: () => accessOf(config), renew() {} };
}

/**
 * Reads the kubeconfig at `path` anew each time it is asked for; without a path that of `KUBECONFIG`, the home
 * directory or the pod.
 */
export function followKubeConfig(path?: string): AccessSource {
	let current: KubeConfig | undefined;
	return {
		async present() {
			const found = load(path);
			// The same object for as long as its content is the same: it remembers what plug-ins and token files gave.
			if (current === undefined || contentOf(found) !== contentOf(current)) current = found;
			return accessOf(current);
		},
		renew() {
			current = undefined;
		},
	};
}

function load(path: string | undefined): KubeConfig {
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

function contentOf(config: KubeConfig): string {
	const { clusters, users, contexts, currentContext } = config;
	return JSON.stringify([clusters, users, contexts, currentContext]);
}

async function accessOf(config: KubeConfig): Promise<Access> {
	const cluster = config.getCurrentCluster();
	if (cluster === null) throw new KubeError("CONFIG", "the kubeconfig has no current context with a cluster");
	if (cluster.proxyUrl !== undefined) {
		throw new KubeError("CONFIG", `proxy-url is not supported (cluster ${cluster.name})`);
	}
	const material: RequestOptions = {};
	try {
		await config.applyToHTTPSOptions(material);
	} catch (cause) {
		throw new KubeError("CONFIG", "cannot obtain credentials from the kubeconfig", { cause });
	}
	const { ca, cert, key, servername, rejectUnauthorized } = material;
	return {
		server: new URL(cluster.server),
		tls: present({ ca, cert, key, servername, rejectUnauthorized }),
		headers: headersOf(material),
	};
}

function headersOf(material: RequestOptions): Record<string, string> {
	const headers: Record<string, string> = {};
	for (const [name, value] of Object.entries(material.headers ?? {})) headers[name] = `${value}`;
	if (material.auth) headers.Authorization = `Basic ${Buffer.from(material.auth).toString("base64")}`;
	return headers;
}

/** Without the keys that are undefined: `tls.connect` treats a present `ca: undefined` as it should, types do not. */
function present<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
	return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
		[K in keyof T]?: NonNullable<T[K]>;
	};
}

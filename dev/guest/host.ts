import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { type Cluster, KubeConfig } from "@kubernetes/client-node";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { KubeError } from "../../kube/error.ts";
import { fromKubeConfig } from "../../kube/kubeconfig.ts";
import { limits } from "../demo/demo.ts";
import { GuestError } from "./errors.ts";

/** Which cluster a person means. */
export type HostOptions = {
	/** Path of a kubeconfig; undefined: `KUBECONFIG`, then `~/.kube/config`. */
	readonly file: string | undefined;
	/** A context of it; undefined: the current one. */
	readonly context: string | undefined;
};

/** The cluster of the person. */
export type Host = {
	readonly context: string;
	readonly server: string;
	/** With the rights of the person. */
	readonly client: Client;
	/** The field `cluster` of a kubeconfig, complete in itself. */
	readonly cluster: object;
	/** Such as `v1.36.3`. */
	readonly version: string;
	readonly close: () => Promise<void>;
};

/** The first that has policies as v1, with parameters and the authorizer in CEL. */
const OLDEST = { major: 1, minor: 30 };

/** Reaches the cluster and asks for its version. @throws GuestError `NoAccess`, `Unsuitable` */
export async function openHost(options: HostOptions, env: NodeJS.ProcessEnv = process.env): Promise<Host> {
	const config = loadContext(options, env);
	const context = config.getCurrentContext();
	const cluster = config.getCurrentCluster();
	if (cluster === null) throw new GuestError("NoAccess", `the context ${context} names no cluster`);
	try {
		const client = new Client(await connect(fromKubeConfig(config)), {
			userAgent: "tradingsafety-demo",
			limits,
		});
		try {
			const version = await client.get<Version>("/version");
			assertNewEnough(version, context);
			return {
				context,
				server: cluster.server,
				client,
				cluster: inline(cluster),
				version: version.gitVersion,
				close: () => client.close(),
			};
		} catch (error) {
			await client.close();
			throw error;
		}
	} catch (cause) {
		if (!(cause instanceof KubeError)) throw cause;
		const why = cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
		throw new GuestError("NoAccess", `the cluster ${cluster.server} (context ${context}): ${why}`, { cause });
	}
}

type Version = { readonly major: string; readonly minor: string; readonly gitVersion: string };

function assertNewEnough({ major, minor, gitVersion }: Version, context: string): void {
	// Some providers write 30+.
	const found = { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10) };
	if (found.major > OLDEST.major || (found.major === OLDEST.major && found.minor >= OLDEST.minor)) return;
	const needed = `Kubernetes ${OLDEST.major}.${OLDEST.minor} or newer is needed`;
	throw new GuestError("Unsuitable", `${needed}: the cluster of context ${context} is ${gitVersion}`);
}

function loadContext({ file, context }: HostOptions, env: NodeJS.ProcessEnv): KubeConfig {
	const paths = pathsOf(file, env);
	const present = paths.filter((path) => existsSync(path));
	const [first, ...others] = present;
	if (first === undefined) {
		throw new GuestError("NoAccess", `there is no kubeconfig at ${paths.join(", ")}`);
	}
	const config = read(first);
	for (const path of others) config.mergeConfig(read(path));
	const names = config.getContexts().map(({ name }) => name);
	const wanted = context ?? config.getCurrentContext();
	if (!names.includes(wanted)) {
		const which = wanted === "" || wanted === undefined ? "no current context" : `no context ${wanted}`;
		const known = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
		throw new GuestError("NoAccess", `the kubeconfig ${present.join(", ")} has ${which}: ${known}`);
	}
	config.setCurrentContext(wanted);
	return config;
}

function pathsOf(file: string | undefined, env: NodeJS.ProcessEnv): readonly string[] {
	// npm changes to the folder of package.json; the person meant the one they are in.
	if (file !== undefined) return [resolve(env.INIT_CWD ?? ".", file)];
	const listed = (env.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
	if (listed.length === 0) return [join(homedir(), ".kube", "config")];
	return listed.map((path) => resolve(env.INIT_CWD ?? ".", path));
}

function read(path: string): KubeConfig {
	const config = new KubeConfig();
	try {
		config.loadFromFile(path);
	} catch (cause) {
		const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
		throw new GuestError("NoAccess", `${path} cannot be read as a kubeconfig: ${why}`, { cause });
	}
	return config;
}

function inline({ server, caData, caFile, skipTLSVerify, tlsServerName }: Cluster): object {
	const ca = caData ?? (caFile === undefined ? undefined : readFileSync(caFile).toString("base64"));
	return {
		server,
		...(ca !== undefined && { "certificate-authority-data": ca }),
		...(skipTLSVerify && { "insecure-skip-tls-verify": true }),
		...(tlsServerName !== undefined && { "tls-server-name": tlsServerName }),
	};
}

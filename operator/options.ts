import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { isAuditError } from "../audit/error.ts";
import { type RecordSettings, recordFlags, recordSettings, recordUsage } from "../audit/settings.ts";
import { leaderLease, operatorNamespace } from "../crds/roles.ts";
import { OperatorError } from "./error.ts";

/** Settings of one operator replica. */
export type OperatorOptions = {
	/** Path of a kubeconfig. */
	readonly kubeconfig?: string;
	/** Folder with the token and the authority of a service account. */
	readonly serviceAccount?: string;
	/** Origins of the API servers beside that of the credentials. */
	readonly apiServers: readonly string[];
	/** Namespace of the lease and of the lowering account. */
	readonly operatorNamespace: string;
	readonly lease: string;
	readonly leaseSeconds: number;
	/** Only the desks of these namespaces; empty: all. */
	readonly namespaces: readonly string[];
	/** Different for every process, also for two lives of one. */
	readonly identity: string;
	readonly httpAddress: string;
	readonly httpPort: number;
	readonly logLevel: string;
	/** Where to keep what is remembered of desks; undefined: in memory only. */
	readonly stateDir?: string;
	/** Undefined: no record is kept. */
	readonly record?: RecordSettings;
};

/** How to call the operator. */
export const usage = `usage: node operator/main.ts [options]

  --kubeconfig FILE            default: KUBECONFIG, the pod's account, ~/.kube/config
  --service-account DIR        token and ca.crt of an account, the server as pods are told it (as mounted into a pod)
  --api-server URL             an API server of the same cluster beside that of the credentials, reached with the
                               same credentials and authority; once for each
  --operator-namespace NAME    where the lease lives (${operatorNamespace})
  --lease NAME                 (${leaderLease})
  --lease-seconds N            how long others wait for a silent leader (5)
  --namespace NAME             govern only this namespace; may be repeated
  --identity NAME              name of this replica (host name, process and a random part)
  --http-address ADDRESS       of /healthz, /readyz and /metrics (127.0.0.1)
  --http-port N                0 takes a free one (8080)
  --state-dir DIR              keeps what history going back would undo; one for each replica (memory only)
${recordUsage}
  --log-level LEVEL            trace, debug, info, warn, error (info)`;

/** Reads the command line (without node and script). Throws `USAGE` naming what is wrong. */
export function parseOptions(args: readonly string[]): OperatorOptions {
	const { values } = parse(args);
	const random = crypto.randomUUID().slice(0, 8);
	return {
		...credentials(values),
		apiServers: (values["api-server"] ?? []).map(origin),
		operatorNamespace: values["operator-namespace"] ?? operatorNamespace,
		lease: values.lease ?? leaderLease,
		leaseSeconds: integer("lease-seconds", values["lease-seconds"] ?? "5", 1, 300),
		namespaces: values.namespace ?? [],
		identity: values.identity ?? `${hostname()}-${process.pid}-${random}`,
		httpAddress: values["http-address"] ?? "127.0.0.1",
		httpPort: integer("http-port", values["http-port"] ?? "8080", 0, 65_535),
		logLevel: values["log-level"] ?? "info",
		...(values["state-dir"] !== undefined && { stateDir: values["state-dir"] }),
		...record(values),
	};
}

function parse(args: readonly string[]) {
	try {
		return parseArgs({
			args: [...args],
			options: {
				kubeconfig: { type: "string" },
				"service-account": { type: "string" },
				"api-server": { type: "string", multiple: true },
				"operator-namespace": { type: "string" },
				lease: { type: "string" },
				"lease-seconds": { type: "string" },
				namespace: { type: "string", multiple: true },
				identity: { type: "string" },
				"http-address": { type: "string" },
				"http-port": { type: "string" },
				"log-level": { type: "string" },
				"state-dir": { type: "string" },
				...recordFlags,
			},
		});
	} catch (cause) {
		throw new OperatorError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

function credentials({ kubeconfig, "service-account": serviceAccount }: ReturnType<typeof parse>["values"]) {
	if (kubeconfig !== undefined && serviceAccount !== undefined) {
		throw new OperatorError("USAGE", "--kubeconfig and --service-account exclude each other: give one");
	}
	return {
		...(kubeconfig !== undefined && { kubeconfig }),
		...(serviceAccount !== undefined && { serviceAccount }),
	};
}

function record(values: ReturnType<typeof parse>["values"]): Pick<OperatorOptions, "record"> {
	try {
		const settings = recordSettings(values);
		return settings === undefined ? {} : { record: settings };
	} catch (cause) {
		if (!isAuditError(cause, "USAGE")) throw cause;
		throw new OperatorError("USAGE", cause.message, { cause });
	}
}

function origin(text: string): string {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	// Whatever comes after the port is that of the credentials.
	if (url?.protocol !== "https:" || (url.href !== `${url.origin}/` && url.href !== url.origin)) {
		throw new OperatorError("USAGE", `--api-server must be like https://HOST:PORT, got "${text}"`);
	}
	return url.origin;
}

function integer(name: string, text: string, least: number, most: number): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < least || value > most) {
		throw new OperatorError(
			"USAGE",
			`--${name} must be a whole number from ${least} to ${most}, got "${text}"`,
		);
	}
	return value;
}

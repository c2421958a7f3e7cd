import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { messageOf } from "../audit/error.ts";
import { type RecordSettings, recordFlags, recordSettings, recordUsage } from "../audit/settings.ts";
import { operatorNamespace } from "../crds/roles.ts";
import type { CredentialOptions } from "../kube/credentials.ts";
import { SidecarError } from "./error.ts";

/** Settings of one sidecar. */
export type SidecarOptions = CredentialOptions & {
	/** Origins of the API servers beside that of the credentials. */
	readonly apiServers: readonly string[];
	/** Where the Leases of devices are, and the keys. */
	readonly operatorNamespace: string;
	/** Of this process, in the Leases. */
	readonly identity: string;
	/** File with buttons that nobody wrote a profile for. */
	readonly buttons?: string;
	/** Folder for raises that no desk shows yet. */
	readonly stateDir?: string;
	/** Where its record is kept; absent: nowhere. */
	readonly record?: RecordSettings;
	/** Ends when a device that was open is gone: where a device plugin gave it, only a new container can open it again. */
	readonly exitOnLoss: boolean;
	readonly httpAddress: string;
	readonly httpPort: number;
	readonly logLevel: string;
};

/** How to call the sidecar. */
export const usage = `usage: node sidecar/main.ts [options]

  --kubeconfig FILE            default: KUBECONFIG, the pod's account, ~/.kube/config
  --service-account DIR        token and ca.crt of an account, as mounted into a pod
  --api-server URL             an API server of the same cluster beside that of the credentials; once for each
  --operator-namespace NAME    where the Leases of devices and the raise key are (${operatorNamespace})
  --identity NAME              name of this sidecar, such as that of its node (host name)
  --buttons FILE               JSON: a list of buttons that are known by no profile (see docs/devices.md)
  --state-dir DIR              where presses are kept that no desk shows yet (none: they end with the process)
${recordUsage}
  --exit-on-loss               end when a device is gone: for containers that get theirs by a device plugin
  --http-address ADDRESS       of /healthz, /readyz and /metrics (127.0.0.1)
  --http-port N                0 takes a free one (8081)
  --log-level LEVEL            trace, debug, info, warn, error (info)`;

/** Reads the command line (without node and script). Throws `USAGE` naming what is wrong. */
export function parseOptions(args: readonly string[]): SidecarOptions {
	const values = parse(args);
	const { kubeconfig, "service-account": serviceAccount } = values;
	if (kubeconfig !== undefined && serviceAccount !== undefined) {
		throw new SidecarError("USAGE", "--kubeconfig and --service-account exclude each other: give one");
	}
	const apiServers = values["api-server"] ?? [];
	const wrong = apiServers.find((text) => URL.parse(text)?.protocol !== "https:");
	if (wrong !== undefined) {
		throw new SidecarError("USAGE", `--api-server must be like https://HOST:PORT, got "${wrong}"`);
	}
	const httpPort = Number(values["http-port"] ?? "8081");
	if (!Number.isInteger(httpPort) || httpPort < 0 || httpPort > 65_535) {
		throw new SidecarError("USAGE", `--http-port must be a whole number from 0 to 65535`);
	}
	const record = readRecord(values);
	return {
		...(kubeconfig !== undefined && { kubeconfig }),
		...(serviceAccount !== undefined && { serviceAccount }),
		apiServers: apiServers.map((text) => new URL(text).origin),
		operatorNamespace: values["operator-namespace"] ?? operatorNamespace,
		identity: values.identity ?? hostname(),
		...(values.buttons !== undefined && { buttons: values.buttons }),
		...(values["state-dir"] !== undefined && { stateDir: values["state-dir"] }),
		...(record !== undefined && { record }),
		exitOnLoss: values["exit-on-loss"] ?? false,
		httpAddress: values["http-address"] ?? "127.0.0.1",
		httpPort,
		logLevel: values["log-level"] ?? "info",
	};
}

function readRecord(values: ReturnType<typeof parse>): RecordSettings | undefined {
	try {
		return recordSettings(values);
	} catch (cause) {
		throw new SidecarError("USAGE", messageOf(cause), { cause });
	}
}

function parse(args: readonly string[]) {
	const text = { type: "string" } as const;
	try {
		return parseArgs({
			args: [...args],
			options: {
				kubeconfig: text,
				"service-account": text,
				"api-server": { type: "string", multiple: true },
				"operator-namespace": text,
				identity: text,
				buttons: text,
				"state-dir": text,
				...recordFlags,
				"exit-on-loss": { type: "boolean" },
				"http-address": text,
				"http-port": text,
				"log-level": text,
			},
		}).values;
	} catch (cause) {
		throw new SidecarError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

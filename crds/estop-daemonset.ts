import { estopAccount, operatorNamespace } from "./roles.ts";
import { apiGroup } from "./vocabulary.ts";

type Json = { readonly [key: string]: unknown };

/** Label of the nodes that have a button. */
export const estopNodeLabel = `${apiGroup}/estop-node`;
/** What a device plugin is to call the buttons that it hands out. */
export const estopResource = `${apiGroup}/estop`;

/**
 * How a container gets to the device. `Privileged`: it sees /dev of the node, also what is plugged in later. `DevicePlugin`:
 * without any privilege; a device that was unplugged needs a new container, so that its process ends with it.
 */
export type EstopAccess = "Privileged" | "DevicePlugin";

/**
 * Flags of Node.js for a sidecar. They keep 20 MB of it away: the compilers for code that runs hot, JavaScript's and
 * WebAssembly's (undici reads HTTP by that), of which it has none. They cannot be set once Node.js runs.
 */
export const estopNodeFlags: readonly string[] = [
	"--max-semi-space-size=1",
	"--optimize-for-size",
	"--v8-pool-size=1",
	"--no-opt",
	"--no-maglev",
	"--liftoff-only",
];
/** What its environment is to have beside them. */
export const estopNodeEnv = { MALLOC_ARENA_MAX: "1" } as const;

const port = 8081;
const name = "tradingsafety-estop";
const labels = { "app.kubernetes.io/name": name };

/** One sidecar on each node that has a button. */
export function estopDaemonSet(access: EstopAccess): Json {
	const probe = (path: string, more: object) => ({ httpGet: { path, port }, ...more });
	const isPrivileged = access === "Privileged";
	return {
		apiVersion: "apps/v1",
		kind: "DaemonSet",
		metadata: { name, namespace: operatorNamespace, labels },
		spec: {
			selector: { matchLabels: labels },
			// The next one is replaced when the one before is armed again.
			updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
			template: {
				metadata: { labels },
				spec: {
					serviceAccountName: estopAccount,
					nodeSelector: { [estopNodeLabel]: "true" },
					// A button counts also on a node that takes nothing else.
					tolerations: [{ operator: "Exists" }],
					priorityClassName: "system-node-critical",
					terminationGracePeriodSeconds: 10,
					containers: [
						{
							name: "estop",
							// To be replaced by where the image was pushed to.
							image: "tradingsafety:0.1.0",
							command: ["node", ...estopNodeFlags, "sidecar/main.ts"],
							args: [
								"--identity=$(NODE_NAME)",
								"--http-address=$(POD_IP)",
								`--http-port=${port}`,
								"--state-dir=/state",
								...(isPrivileged ? [] : ["--exit-on-loss"]),
							],
							env: [
								fieldOf("NODE_NAME", "spec.nodeName"),
								fieldOf("POD_IP", "status.podIP"),
								{ name: "NODE_COMPILE_CACHE", value: "/tmp/compiled" },
								...Object.entries(estopNodeEnv).map(([variable, value]) => ({ name: variable, value })),
							],
							ports: [{ name: "http", containerPort: port }],
							resources: {
								requests: { cpu: "50m", memory: "128Mi" },
								limits: { memory: "256Mi", ...(!isPrivileged && { [estopResource]: 1 }) },
							},
							startupProbe: probe("/healthz", { periodSeconds: 1, failureThreshold: 60 }),
							livenessProbe: probe("/healthz", { periodSeconds: 2, timeoutSeconds: 1, failureThreshold: 3 }),
							// Ready is armed.
							readinessProbe: probe("/readyz", { periodSeconds: 2, timeoutSeconds: 1 }),
							securityContext: securityOf(access),
							volumeMounts: [
								{ name: "tmp", mountPath: "/tmp" },
								{ name: "state", mountPath: "/state" },
								...(isPrivileged ? [{ name: "dev", mountPath: "/dev" }] : []),
							],
						},
					],
					volumes: [
						{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
						// Outlives the container, not the pod.
						{ name: "state", emptyDir: { sizeLimit: "16Mi" } },
						...(isPrivileged ? [{ name: "dev", hostPath: { path: "/dev", type: "Directory" } }] : []),
					],
				},
			},
		},
	};
}

function fieldOf(variable: string, fieldPath: string): Json {
	return { name: variable, valueFrom: { fieldRef: { fieldPath } } };
}

/** The device belongs to root. Beyond that the one has all rights or none. */
function securityOf(access: EstopAccess): Json {
	const common = { readOnlyRootFilesystem: true, runAsUser: 0 };
	switch (access) {
		case "Privileged":
			return { ...common, privileged: true };
		case "DevicePlugin":
			return {
				...common,
				allowPrivilegeEscalation: false,
				capabilities: { drop: ["ALL"] },
				seccompProfile: { type: "RuntimeDefault" },
			};
	}
}

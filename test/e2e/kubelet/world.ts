import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Kind } from "../../../dev/bots/kinds.ts";
import type { Cluster } from "../../../dev/cluster/cluster.ts";
import { installApi } from "../../../dev/install.ts";
import { nodeImage } from "../../../dev/node/images.ts";
import { type RealNode, startNode } from "../../../dev/node/node.ts";
import { apiServerFlags, bridge, controllerManagerFlags } from "../../../dev/node/settings.ts";
import type { JudgeAnswer } from "../../../dev/venue/venue.ts";
import { pathOf } from "../../../kube/paths.ts";
import { podsPath } from "../../../operator/resources.ts";
import { startProgram } from "../../dev/venue/program.ts";
import { TestDesk } from "../../operator/desk.ts";
import { ownCluster } from "../../support/cluster.ts";
import { ensurePermitKeys } from "../../support/permit-keys.ts";
import { until } from "../../support/until.ts";

const root = join(import.meta.dirname, "../../..");
/** Ports of every bot, each in a pod with an address of its own. */
export const permitPort = 8090;
export const mainPort = 8091;

/** A pod as its kubelet tells of it. */
export type RealPod = {
	readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
	readonly spec: { readonly nodeName?: string };
	readonly status: {
		readonly podIP?: string;
		readonly phase: string;
		readonly containerStatuses?: readonly {
			readonly restartCount: number;
			readonly ready: boolean;
			readonly state: { readonly running?: object };
		}[];
	};
};

/** Two real nodes, and a venue that pods reach. */
export type World = {
	readonly cluster: Cluster;
	readonly nodes: readonly [RealNode, RealNode];
	readonly venue: string;
	readonly close: () => Promise<void>;
};

/** Starts it. The nodes end with the enclosure. */
export async function openWorld(): Promise<World> {
	const cluster = await ownCluster({
		nodes: 0,
		extraFlags: { "kube-apiserver": apiServerFlags, "kube-controller-manager": controllerManagerFlags },
	});
	const [nodes] = await Promise.all([
		Promise.all([startNode(cluster, 1), startNode(cluster, 2)]),
		installApi(cluster),
	]);
	const venue = await startProgram<{ readonly port: number }>("dev/venue/main.ts", [
		...["--port", "0", "--address", bridge.address],
	]);
	return { cluster, nodes, venue: `http://${bridge.address}:${venue.ready.port}`, close: venue.end };
}

/** A desk whose workloads are gone from the nodes when the test is over. */
export async function realDesk(t: ExecutionContext, { cluster, nodes }: World): Promise<TestDesk> {
	const desk = await TestDesk.create(t, { cluster });
	await ensurePermitKeys(desk.admin);
	t.teardown(async () => {
		for (const name of await deployments(desk)) await desk.admin.delete(deploymentsPath(desk, name));
		for (const { metadata } of await realPods(desk)) {
			await desk.admin
				.delete(podsPath(desk.namespace, metadata.name), { gracePeriodSeconds: 1 })
				.catch(() => {});
		}
		await until("the nodes are empty", () => nodes.every((node) => node.processes().length === 0), {
			timeoutMilliseconds: 60_000,
		});
	});
	return desk;
}

/** A workload of real pods. */
export type RealWorkload = {
	readonly name: string;
	readonly replicas?: number;
	/** The node that its pods run on; any, when none is named. */
	readonly node?: RealNode;
	readonly command: readonly string[];
	readonly graceSeconds?: number;
	/** True waits for the port of a bot. */
	readonly isBot?: boolean;
};

/** Makes a Deployment, whose pods carry `app: <name>`. */
export async function deploy(desk: TestDesk, workload: RealWorkload): Promise<void> {
	const { name, replicas = 1, node, command, graceSeconds = 30, isBot = false } = workload;
	const folders = [...new Set([root, realpathSync(join(root, "node_modules"))])];
	const volumes = folders.map((path, index) => ({ name: `code-${index}`, hostPath: { path } }));
	const container = {
		name: "main",
		image: nodeImage,
		imagePullPolicy: "Never",
		command,
		env: [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
		volumeMounts: folders.map((mountPath, index) => ({ name: `code-${index}`, mountPath, readOnly: true })),
		...(isBot && {
			readinessProbe: { httpGet: { path: "/health", port: mainPort }, periodSeconds: 1, timeoutSeconds: 1 },
		}),
	};
	const spec = {
		automountServiceAccountToken: false,
		enableServiceLinks: false,
		terminationGracePeriodSeconds: graceSeconds,
		...(node !== undefined && { nodeSelector: { "kubernetes.io/hostname": node.name } }),
		containers: [container],
		volumes,
	};
	const labels = { app: name };
	await desk.admin.create(deploymentsPath(desk), {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name },
		spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
	});
}

/** The command of a bot that trades at the venue; its account is the name of its pod. */
export async function botCommand(
	desk: TestDesk,
	{ venue }: World,
	kind: Kind,
	more: readonly string[] = [],
): Promise<readonly string[]> {
	const keys = await ensurePermitKeys(desk.admin);
	return [
		...["node", join(root, "dev/bots/main.ts"), "--kind", kind, "--venue", venue, "--account", "$(POD)"],
		...["--address", "0.0.0.0", "--permit-port", String(permitPort), "--metrics-port-base", String(mainPort)],
		...keys.permit.flatMap((key) => ["--permit-key", key]),
		...keys.raise.flatMap((key) => ["--raise-key", key]),
		...more,
	];
}

/** The pods of an app, or all, as the API server has them. */
export async function realPods(desk: TestDesk, app?: string): Promise<readonly RealPod[]> {
	const query = app === undefined ? {} : { labelSelector: `app=${app}` };
	return (await desk.admin.list<RealPod>(podsPath(desk.namespace), query)).items;
}

/** Waits until so many pods of an app are Ready. */
export function ready(desk: TestDesk, app: string, count = 1): Promise<readonly RealPod[]> {
	return until(
		`${count} pods of ${app} are Ready`,
		async () => {
			const pods = await realPods(desk, app);
			const areReady = pods.every(({ status }) => status.containerStatuses?.every((each) => each.ready));
			if (pods.length === count && areReady) return pods;
			throw new Error(JSON.stringify(pods.map(({ status }) => status)));
		},
		{ timeoutMilliseconds: 90_000 },
	);
}

/** What the venue says of an account since a time, in milliseconds since 1970. */
export async function judge({ venue }: World, account: string, since: number): Promise<JudgeAnswer> {
	const answer = await fetch(`${venue}/judge?account=${account}&since=${since}`);
	return (await answer.json()) as JudgeAnswer;
}

/** Waits until the venue has lately accepted orders of an account that take risk. */
export function trades(world: World, account: string): Promise<unknown> {
	const since = Date.now();
	return until(
		`${account} trades`,
		async () => ((await judge(world, account, since)).lastRiskTakingAt ?? 0) > since,
		{ timeoutMilliseconds: 60_000 },
	);
}

function deploymentsPath(desk: TestDesk, name?: string): string {
	return pathOf({ group: "apps", version: "v1", resource: "deployments", namespace: desk.namespace, name });
}

async function deployments(desk: TestDesk): Promise<readonly string[]> {
	type Named = { readonly metadata: { readonly name: string } };
	return (await desk.admin.list<Named>(deploymentsPath(desk))).items.map(({ metadata }) => metadata.name);
}

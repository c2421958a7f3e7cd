import { randomBytes } from "node:crypto";
import type { TradingSafety } from "../../crds/types.ts";
import { apiGroup, apiVersion, deskName, enforceLabel, type Mode } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { ifThere } from "../../kube/error.ts";
import { until } from "../support/until.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";

/** A namespace with one target whose pods are stopped in Emergency. */
export type BenchDesk = {
	readonly namespace: string;
	readonly path: string;
	readonly deployments: number;
	readonly pods: number;
};

const labels = { app: "bot" };
const timeoutMilliseconds = 600_000;

/** Creates a desk in Normal with its Deployments, all of one target. Their pods come when the controller manager makes them. */
export async function createDesk(
	{ admin }: Floor,
	prefix: string,
	deployments: number,
	pods: number,
	target: object = { name: "bots", preset: "Strategy" },
): Promise<BenchDesk> {
	const namespace = `${prefix}-${randomBytes(3).toString("hex")}`;
	await admin.create("/api/v1/namespaces", {
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name: namespace, labels: { [enforceLabel]: "targets" } },
	});
	const desks = `/apis/${apiGroup}/${apiVersion}/namespaces/${namespace}/tradingsafeties`;
	const desk = {
		apiVersion: `${apiGroup}/${apiVersion}`,
		kind: "TradingSafety",
		metadata: { name: deskName },
		spec: {
			mode: "Normal",
			targets: [{ ...target, selector: { matchLabels: labels } }],
		},
	};
	// An API server that still learns the kind answers 503 now and then.
	await until(`namespace ${namespace} has its desk`, () => admin.create(desks, desk));
	await until(`namespace ${namespace} has its service account`, () => hasAccount(admin, namespace));
	const share = (index: number) =>
		Math.floor((pods * (index + 1)) / deployments) - Math.floor((pods * index) / deployments);
	for (let index = 0; index < deployments; index += 1) {
		await admin.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, deployment(index, share(index)));
	}
	return { namespace, path: `${desks}/${deskName}`, deployments, pods };
}

function deployment(index: number, replicas: number): object {
	const own = { ...labels, bot: `bot-${index}` };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: `bot-${index}` },
		spec: {
			replicas,
			selector: { matchLabels: own },
			template: { metadata: { labels: own }, spec: { containers: [{ name: "c", image: "none" }] } },
		},
	};
}

async function hasAccount(admin: Client, namespace: string): Promise<boolean> {
	return (await ifThere(admin.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`))) !== undefined;
}

/** Raises to Emergency as a person would; returns when the API server acknowledged it (`performance.now()`). */
export async function raise({ raiser }: Floor, desk: Pick<BenchDesk, "path">): Promise<number> {
	await raiser.patch(
		desk.path,
		{ spec: { mode: "Emergency" } },
		{ type: "merge" },
		{ priority: "emergency" },
	);
	return performance.now();
}

/** Lowers to Normal by override: what is measured is the way down. */
export async function lower({ admin }: Floor, desk: Pick<BenchDesk, "path">): Promise<void> {
	for (const mode of ["Pause", "Normal"] as const satisfies readonly Mode[]) {
		await admin.patch(desk.path, { spec: { mode, reason: `bench ${performance.now()}` } }, { type: "merge" });
	}
}

/** Resolves when all pods of the desk are there and Ready. */
export async function filled({ watch }: Floor, { namespace, pods }: BenchDesk): Promise<void> {
	const full = (counts: { readonly total: number; readonly ready: number }) =>
		counts.total === pods && counts.ready === pods;
	await watch.when(`${pods} pods are Ready`, namespace, full);
}

/** Resolves when no pod of the desk is left. */
export async function emptied({ watch }: Floor, { namespace }: BenchDesk): Promise<void> {
	await watch.when("no pod is left", namespace, ({ total }) => total === 0);
}

/** Resolves when the operator says that what the desk asks for is in force. */
export async function settled({ admin }: Floor, { namespace, path }: BenchDesk): Promise<void> {
	await until(
		`desk ${namespace} is settled`,
		async () => {
			const { metadata, status } = await admin.get<TradingSafety>(path);
			const confirmed = status?.conditions?.find((condition) => condition.type === "Confirmed");
			if (confirmed?.observedGeneration === metadata.generation && confirmed?.status === "True") return true;
			throw new BenchError("NOT_AS_EXPECTED", JSON.stringify(confirmed));
		},
		{ timeoutMilliseconds, intervalMilliseconds: 200 },
	);
}

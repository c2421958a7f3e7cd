import test, { type ExecutionContext } from "ava";
import type { Client } from "../../kube/client.ts";
import { KubeError, type KubeErrorCode } from "../../kube/error.ts";
import { parsePath } from "../../kube/paths.ts";
import { NamespaceView } from "../../operator/namespace-view.ts";
import { replicated } from "../../operator/workloads/kind.ts";
import { until } from "../support/until.ts";

const gizmo = replicated({ kind: "Gizmo", group: "example.com", version: "v1", resource: "gizmos" });
const record = {
	metadata: { name: "gizmo-uid", namespace: "eu", uid: "record-uid", resourceVersion: "5" },
	spec: {
		workload: { apiVersion: "example.com/v1", kind: "Gizmo", name: "maker", uid: "gizmo-uid" },
		replicas: 2,
		target: "bots",
		generation: 3,
		recordedBy: "r",
	},
};

/** A view of a namespace behind an API server that refuses or lists what is told, and the lists it was asked for. */
function viewOf(t: ExecutionContext, refusals: Map<string, KubeErrorCode>) {
	const listed: string[] = [];
	const reported: string[] = [];
	const client = {
		async list(path: string) {
			const resource = parsePath(path)?.resource ?? "";
			listed.push(resource);
			const code = refusals.get(resource);
			if (code !== undefined) throw new KubeError(code, `GET ${path}: refused`);
			return { metadata: { resourceVersion: "10" }, items: resource === "restorerecords" ? [record] : [] };
		},
		async *watch(_path: string, _query: unknown, { signal, onOpen }: Parameters<Client["watch"]>[2]) {
			onOpen?.();
			await new Promise((resolve) => signal?.addEventListener("abort", resolve));
			throw new KubeError("CANCELLED", "the watch was ended");
		},
	} as unknown as Pick<Client, "list" | "watch">;
	const view = new NamespaceView(client, "eu", {
		onChange: () => {},
		onPod: () => {},
		onGrowth: () => {},
		onError: (_error, resource) => reported.push(resource),
		onRelist: () => {},
	});
	t.teardown(() => view.stop());
	const problems = () => view.observed().kindProblems?.map(({ resource, why }) => `${resource} ${why}`);
	const unseen = () => view.observed().records.get("gizmo-uid")?.unseen === true;
	return { view, listed, reported, problems, unseen };
}

test("kinds that may not be listed hold nothing up, are said once, and seen once they may", async (t) => {
	// Given an API server that refuses a kind of its own, a custom one, and one that only answers with errors
	const refusals = new Map<string, KubeErrorCode>([
		["cronjobs", "FORBIDDEN"],
		["gizmos", "FORBIDDEN"],
		["jobs", "SERVER"],
	]);
	const { view, listed, reported, problems, unseen } = viewOf(t, refusals);
	view.setCustom({ kinds: [gizmo], listed: true });
	// When the view starts, then it is complete all the same, and says what is not
	await view.start(Promise.resolve());
	t.deepEqual(problems()?.toSorted(), [
		"cronjobs.batch Forbidden",
		"gizmos.example.com Forbidden",
		"jobs.batch NotListed",
	]);
	t.true(unseen());
	// When they are tried again and again, then that is not said again and again
	const tries = listed.filter((resource) => resource === "cronjobs").length;
	await until(
		"it was tried again",
		() => listed.filter((resource) => resource === "cronjobs").length > tries + 2,
	);
	t.is(reported.filter((resource) => resource === "cronjobs").length, 1);
	// When they may be listed, then nothing is wrong, and the recorded workload is known to be gone
	refusals.clear();
	await until("all are seen", () => problems()?.length === 0);
	t.false(unseen());
});

test("as long as definitions cannot be listed, no record is taken for one of a workload that is gone", async (t) => {
	// Given records of a custom kind, and definitions that were not listed yet
	const { view, problems, unseen } = viewOf(t, new Map());
	const tried = Promise.withResolvers<void>();
	let started = false;
	const starting = view.start(tried.promise).then(() => {
		started = true;
	});
	await until("the records are seen", () => view.observed().records.size === 1);
	// Then it is unseen, and the view is not complete
	t.true(unseen());
	t.false(started);
	// When listing them failed, then the view is complete, and the record is still kept
	tried.resolve();
	await starting;
	t.true(unseen());
	t.deepEqual(problems(), ["customresourcedefinitions.apiextensions.k8s.io NotListed"]);
	// When they were listed and have no such kind, then it is gone, and that is said
	view.setCustom({ kinds: [], listed: true });
	t.false(unseen());
	t.deepEqual(problems(), ["Gizmo.example.com Gone"]);
});

test("a kind that is gone is watched no more, and one that is back is", async (t) => {
	// Given a view that watches a custom kind
	const { view, listed, problems } = viewOf(t, new Map());
	view.setCustom({ kinds: [gizmo], listed: true });
	await view.start(Promise.resolve());
	const workload = { kind: "Gizmo", apiVersion: "example.com/v1" };
	t.is(view.kindOf(workload), gizmo);
	const times = () => listed.filter((resource) => resource === "gizmos").length;
	t.is(times(), 1);
	// When definitions cannot be listed any more, then it goes on
	view.setCustom({ kinds: [], listed: false });
	t.is(view.kindOf(workload), gizmo);
	// When its definition is gone, and comes back
	view.setCustom({ kinds: [], listed: true });
	t.is(view.kindOf(workload), undefined);
	view.setCustom({ kinds: [gizmo], listed: true });
	// Then it is listed anew
	await until("it is listed", () => times() === 2);
	t.is(view.kindOf(workload), gizmo);
	await until("nothing is wrong", () => problems()?.length === 0);
});

import test from "ava";
import { customKind, type DefinitionObject } from "../../operator/workloads/custom.ts";
import { builtInKinds } from "../../operator/workloads/index.ts";
import type { WorkloadKind, WorkloadObject } from "../../operator/workloads/kind.ts";
import { labelsOf } from "../../operator/workloads/scale-subresource.ts";

const labels = { app: "bot" };
const template = { metadata: { labels } };

/** An object of generation 3. */
const object = (
	spec: WorkloadObject["spec"],
	rest: { readonly metadata?: Partial<WorkloadObject["metadata"]>; readonly status?: object } = {},
): WorkloadObject => ({
	metadata: {
		name: "x",
		uid: "x-uid",
		creationTimestamp: "2026-01-01T00:00:00Z",
		generation: 3,
		...rest.metadata,
	},
	...(spec && { spec }),
	...(rest.status && { status: rest.status }),
});

const kindOf = (name: string): WorkloadKind => {
	const found = builtInKinds.find((kind) => kind.kind === name);
	if (found === undefined) throw new Error(`no kind ${name}`);
	return found;
};

/** What is decided from an object, in short. */
const told = (kind: WorkloadKind, of: WorkloadObject) => {
	const workload = kind.project(of);
	return workload && `${workload.replicas}/${workload.ready} ${workload.labels.app ?? "-"}`;
};

const definition = (name: string, rest: Partial<DefinitionObject["spec"]> = {}): DefinitionObject => {
	const [plural = "", ...group] = name.split(".");
	return {
		metadata: { name },
		spec: {
			group: group.join("."),
			scope: "Namespaced",
			names: { kind: "Thing", plural },
			versions: [
				{
					name: "v1",
					served: true,
					storage: true,
					subresources: {
						scale: {
							specReplicasPath: ".spec.size",
							statusReplicasPath: ".status.size",
							labelSelectorPath: ".status.selector",
						},
					},
				},
			],
			...rest,
		},
		status: { conditions: [{ type: "Established", status: "True" }] },
	};
};
const customOf = (name: string, rest: Partial<DefinitionObject["spec"]> = {}): WorkloadKind => {
	const kind = customKind(definition(name, rest));
	if (kind === undefined) throw new Error(`${name} is no workload`);
	return kind;
};

test("kinds with replicas count what is Ready of the present spec", (t) => {
	for (const name of ["Deployment", "StatefulSet", "ReplicaSet"]) {
		// Given an object whose controller has seen its spec, and one whose has not
		const seen = { status: { observedGeneration: 3, readyReplicas: 2 } };
		const behind = { status: { observedGeneration: 2, readyReplicas: 2 } };
		// When they are read, then only the first is Ready; no replicas means one
		t.is(told(kindOf(name), object({ replicas: 4, template }, seen)), "4/2 bot", name);
		t.is(told(kindOf(name), object({ replicas: 4, template }, behind)), "4/0 bot", name);
		t.is(told(kindOf(name), object({ template }, seen)), "1/2 bot", name);
	}
});

test("what has an owner is left to it", (t) => {
	// Given a ReplicaSet and an autoscaler with and without a controller, and a Job of a CronJob
	const owned = { metadata: { ownerReferences: [{ controller: true }] } };
	const hpa = { scaleTargetRef: { kind: "Deployment", name: "bots" } };
	// When they are read, then the first two are left alone, and the Job is not
	t.is(kindOf("ReplicaSet").project(object({ template }, owned)), undefined);
	t.is(kindOf("HorizontalPodAutoscaler").project(object(hpa, owned)), undefined);
	t.truthy(kindOf("ReplicaSet").project(object({ template })));
	t.truthy(kindOf("HorizontalPodAutoscaler").project(object(hpa)));
	t.truthy(kindOf("Job").project(object({ template }, owned)));
});

test("a DaemonSet is stopped by a node selector and Ready when it is on every node", (t) => {
	// Given DaemonSets on all nodes, on some, on none that exist, and stopped
	const kind = kindOf("DaemonSet");
	const on = (ready: number, desired = 2, updated = ready) =>
		object(
			{ template },
			{
				status: {
					observedGeneration: 3,
					desiredNumberScheduled: desired,
					numberReady: ready,
					updatedNumberScheduled: updated,
				},
			},
		);
	const stopped = object({
		template: { ...template, spec: { nodeSelector: { "tradingsafety.dev/stopped": "true" } } },
	});
	// When they are read, then that is told
	t.is(told(kind, on(2)), "1/1 bot");
	t.is(told(kind, on(1)), "1/0 bot");
	t.is(told(kind, on(2, 2, 1)), "1/0 bot");
	t.is(told(kind, on(0, 0)), "1/1 bot");
	t.is(told(kind, object({ template })), "1/0 bot");
	t.is(told(kind, stopped), "0/0 bot");
	// Then it is stopped and started by that selector alone
	const selector = (value: string | null) => ({
		spec: { template: { spec: { nodeSelector: { "tradingsafety.dev/stopped": value } } } },
	});
	t.deepEqual(kind.setting.patch(0), selector("true"));
	t.deepEqual(kind.setting.patch(1), selector(null));
});

test("Jobs and CronJobs are suspended, and only some CronJobs come back", (t) => {
	// Given Jobs and CronJobs
	const job = kindOf("Job");
	const cron = kindOf("CronJob");
	const over = (type: string) => object({ template }, { status: { conditions: [{ type, status: "True" }] } });
	const jobTemplate = { spec: { template } };
	// When they are read, then a complete Job is nothing, a failed one cannot be started
	t.is(told(job, object({ template }, { status: { ready: 1 } })), "1/1 bot");
	t.is(told(job, object({ template, suspend: true })), "0/0 bot");
	t.is(told(job, over("Complete")), undefined);
	t.like(job.project(over("Failed")), { replicas: 0, over: true });
	t.regex(job.project(object({ template }))?.notRestored ?? "", /^Job: /);
	t.is(told(cron, object({ jobTemplate })), "1/1 bot");
	t.is(told(cron, object({ jobTemplate, suspend: true })), "0/0 bot");
	t.regex(cron.project(object({ jobTemplate }))?.notRestored ?? "", /^CronJob: .*startingDeadlineSeconds/);
	t.is(cron.project(object({ jobTemplate, startingDeadlineSeconds: 60 }))?.notRestored, undefined);
	t.deepEqual(cron.setting.patch(0), { spec: { suspend: true } });
	t.deepEqual(cron.setting.patch(1), { spec: { suspend: false } });
});

test("an autoscaler may not scale up, and gets back what it had", (t) => {
	// Given autoscalers without behaviour, with one, and stopped
	const { setting, project } = kindOf("HorizontalPodAutoscaler");
	const hpa = (selectPolicy?: string) =>
		object({
			scaleTargetRef: { kind: "Deployment", name: "bots" },
			...(selectPolicy !== undefined && { behavior: { scaleUp: { selectPolicy } } }),
		});
	// When they are read
	// Then it is known what to give back
	t.deepEqual(setting.read(hpa()), { replicas: 1 });
	t.deepEqual(setting.read(hpa("Min")), { replicas: 1, earlier: "Min" });
	t.deepEqual(setting.read(hpa("Disabled")), { replicas: 0, earlier: "Disabled" });
	t.like(project(hpa()), { switched: true, scales: { kind: "Deployment", name: "bots" } });
	const patch = (selectPolicy: string | null) => ({ spec: { behavior: { scaleUp: { selectPolicy } } } });
	t.deepEqual(setting.patch(0, "Min"), patch("Disabled"));
	t.deepEqual(setting.patch(1, "Min"), patch("Min"));
	t.deepEqual(setting.patch(1), patch(null));
});

test("KEDA is paused by annotations, and a pause of somebody's own comes back", (t) => {
	// Given a ScaledObject, one that somebody holds at 3, and a ScaledJob
	const so = customOf("scaledobjects.keda.sh");
	const sj = customOf("scaledjobs.keda.sh");
	const replicas = "autoscaling.keda.sh/paused-replicas";
	const annotated = (value: string) =>
		object({ scaleTargetRef: { name: "bots" } }, { metadata: { annotations: { [replicas]: value } } });
	// When they are read, then they are known for what they scale
	t.like(so.project(object({ scaleTargetRef: { name: "bots" } })), {
		replicas: 1,
		scales: { kind: "Deployment", name: "bots" },
	});
	t.deepEqual(so.setting.read(annotated("3")), { replicas: 1, earlier: "3" });
	t.deepEqual(so.setting.read(annotated("0")), { replicas: 0, earlier: "0" });
	t.is(told(sj, object({ jobTargetRef: { template } })), "1/1 bot");
	// Then they are stopped and started by their annotations
	t.deepEqual(so.setting.patch(0), { metadata: { annotations: { [replicas]: "0" } } });
	t.deepEqual(so.setting.patch(1, "3"), { metadata: { annotations: { [replicas]: "3" } } });
	t.deepEqual(sj.setting.patch(0), { metadata: { annotations: { "autoscaling.keda.sh/paused": "true" } } });
	t.deepEqual(sj.setting.patch(1), { metadata: { annotations: { "autoscaling.keda.sh/paused": null } } });
});

test("a custom kind is a workload when it can be scaled", (t) => {
	// Given definitions with and without a scale subresource
	const [version] = definition("things.example.com").spec.versions;
	const without = { name: "v1", served: true, storage: true };
	// When they are read, then these are none
	t.is(customKind(definition("a.example.com", { versions: [without] })), undefined);
	t.is(customKind(definition("a.example.com", { scope: "Cluster" })), undefined);
	t.is(customKind(definition("a.tradingsafety.dev")), undefined);
	t.is(customKind({ ...definition("a.example.com"), status: { conditions: [] } }), undefined);
	t.is(
		customKind(definition("a.example.com", { versions: version ? [{ ...version, served: false }] : [] })),
		undefined,
	);
	// Then this is one, read by its own paths, with the labels of its selector or of its template
	const kind = customOf("things.example.com");
	const thing = {
		...object(undefined),
		spec: { size: 4 },
		status: { size: 2, selector: "app=bot,x in (a,b)" },
	};
	t.is(told(kind, thing as WorkloadObject), "4/2 bot");
	t.is(told(kind, object({ template }, { status: { readyReplicas: 1, observedGeneration: 2 } })), "1/0 bot");
	t.is(
		told(kind, object({ template }, { status: { readyReplicas: 1, observedGeneration: "3" } })),
		"1/1 bot",
	);
	t.is(
		told(kind, object({ template }, { status: { readyReplicas: 1, observedGeneration: "5f6c" } })),
		"1/1 bot",
	);
	t.deepEqual(kind.setting.patch(0), { spec: { replicas: 0 } });
	t.is(kind.setting.subresource, "scale");
	// Then a paused Rollout says why it may not come back
	const rollout = customOf("rollouts.argoproj.io");
	t.regex(rollout.project(object({ template, paused: true }))?.hint ?? "", /paused/);
	t.is(rollout.project(object({ template }))?.hint, undefined);
});

test("of a selector in text form only equality says what labels the pods have", (t) => {
	// Given selectors as text, hostile ones too
	// When they are read, then only their equality terms count
	t.deepEqual(labelsOf("app=bot,tier==a"), { app: "bot", tier: "a" });
	t.deepEqual(labelsOf("app!=bot,x in (a,b),y notin (c),z,!q"), {});
	t.deepEqual(labelsOf("app="), { app: "" });
	t.deepEqual(labelsOf(undefined), {});
	t.deepEqual(labelsOf({ app: "bot" }), {});
});

test("who set the replicas last is told by managedFields", (t) => {
	// Given entries of several managers
	const replicas = { "f:spec": { "f:replicas": {} } };
	const entry = (manager: string, second: number, fieldsV1: object, subresource?: string) => ({
		manager,
		time: `2026-01-01T00:00:0${second}Z`,
		fieldsV1,
		...(subresource !== undefined && { subresource }),
	});
	const setBy = (...managedFields: ReturnType<typeof entry>[]) =>
		kindOf("Deployment").project(object({ template }, { metadata: { managedFields } }))?.setBy;
	// When the object is read
	// Then it is the last one that owns the field, and nobody where none does
	t.is(setBy(entry("kubectl", 1, replicas), entry("argocd", 2, replicas), entry("x", 3, {})), "argocd");
	t.is(
		setBy(entry("acme", 2, replicas, "scale"), entry("tradingsafety-operator", 2, replicas, "scale")),
		"acme",
	);
	t.is(setBy(entry("kubectl", 1, {}), entry("controller", 2, {}, "status")), undefined);
	t.is(setBy(), undefined);
});

import test from "ava";
import { openWorld, type World } from "./cast.ts";
import { type Desk, type Labels, newDesk, outcome } from "./desk.ts";

let world: World;
test.before(async () => {
	world = await openWorld();
});

const template = (labels: Labels) => ({
	metadata: { labels },
	spec: { restartPolicy: "Never", containers: [{ name: "c", image: "none" }] },
});
const always = (labels: Labels) => ({
	metadata: { labels },
	spec: { containers: [{ name: "c", image: "none" }] },
});

/** A kind whose growth is judged: where it is, and its spec while it runs, for pods with these labels. */
type Owner = {
	readonly kind: string;
	readonly group: "apps" | "batch";
	readonly running: (labels: Labels) => object;
	/** Merge patches of spec that stop it, start it, and do neither. */
	readonly stop: object;
	readonly start: object;
	/** What makes a running spec a stopped one, where that is not {@link stop}. */
	readonly stopped?: (labels: Labels) => object;
	readonly other: object;
	/** How the labels of its template are changed, where they can be. */
	readonly relabel?: (labels: object) => object;
};

const owners: readonly Owner[] = [
	{
		kind: "ReplicaSet",
		group: "apps",
		running: (labels) => ({ replicas: 1, selector: { matchLabels: { q: "q" } }, template: always(labels) }),
		stop: { replicas: 0 },
		start: { replicas: 1 },
		other: { minReadySeconds: 1 },
		relabel: (labels) => ({ template: { metadata: { labels } } }),
	},
	{
		kind: "DaemonSet",
		group: "apps",
		running: (labels) => ({ selector: { matchLabels: { q: "q" } }, template: always(labels) }),
		stop: { template: { spec: { nodeSelector: { "tradingsafety.dev/stopped": "true" } } } },
		stopped: (labels) => {
			const { metadata, spec } = always(labels);
			const nodeSelector = { "tradingsafety.dev/stopped": "true" };
			return { template: { metadata, spec: { ...spec, nodeSelector } } };
		},
		start: { template: { spec: { nodeSelector: null } } },
		other: { minReadySeconds: 1 },
		relabel: (labels) => ({ template: { metadata: { labels } } }),
	},
	{
		kind: "Job",
		group: "batch",
		running: (labels) => ({ template: template(labels) }),
		stop: { suspend: true },
		start: { suspend: false },
		other: { backoffLimit: 1 },
	},
	{
		kind: "CronJob",
		group: "batch",
		running: (labels) => ({ schedule: "0 0 1 1 *", jobTemplate: { spec: { template: template(labels) } } }),
		stop: { suspend: true },
		start: { suspend: false },
		other: { schedule: "0 1 1 1 *" },
		relabel: (labels) => ({ jobTemplate: { spec: { template: { metadata: { labels } } } } }),
	},
];

const pathOf = (desk: Desk, { group, kind }: Owner) =>
	`/apis/${group}/v1/namespaces/${desk.namespace}/${kind.toLowerCase()}s`;

for (const owner of owners) {
	test(`a ${owner.kind} of a halted target does not start, and does not leave its target`, async (t) => {
		// Given a desk in Emergency, with a stopped owner of a halted target
		const desk = await newDesk(world, { mode: "Emergency" });
		const path = pathOf(desk, owner);
		const create = (app: string, spec: object, dryRun = true) =>
			outcome(
				world.admin.create(
					path,
					{ apiVersion: `${owner.group}/v1`, kind: owner.kind, metadata: { name: app }, spec },
					dryRun ? { dryRun: "All" } : {},
				),
			);
		const running = owner.running({ app: "strat", q: "q" });
		const stopped = { ...running, ...(owner.stopped?.({ app: "strat", q: "q" }) ?? owner.stop) };
		const denial = /^denied: trading is halted: target strat of desk/;
		// When it is made running, and when it is made stopped
		// Then only the first is denied, and nothing of a target that is kept
		t.regex(await create("strat", running), denial);
		t.is(await create("risk", owner.running({ app: "risk", q: "q" })), "allowed");
		t.is(await create("strat", stopped, false), "allowed");
		// When somebody starts it, and when somebody changes something else
		const patch = (spec: object) => outcome(world.admin.patch(`${path}/strat`, { spec }, { type: "merge" }));
		t.regex(await patch(owner.start), denial);
		t.is(await patch(owner.other), "allowed");
		t.is(await patch(owner.stop), "allowed");
		// When its template loses the label that the target selects by
		if (owner.relabel !== undefined) {
			t.regex(
				await patch(owner.relabel({ app: "other" })),
				/^denied: these labels take it out of target strat/,
			);
			t.is(await patch(owner.relabel({ x: "y" })), "allowed");
		}
		// When the desk is in Normal again, then it starts
		await desk.patch(world.admin, { mode: "Pause", reason: "test", setBy: "admin" });
		await desk.patch(world.admin, { mode: "Normal", reason: "test over", setBy: "admin" });
		await desk.seen();
		t.is(await patch(owner.start), "allowed");
	});
}

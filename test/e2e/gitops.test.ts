import test, { type ExecutionContext } from "ava";
import type { Client } from "../../kube/client.ts";
import { deskPath } from "../../operator/resources.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { people, person } from "../operator/people.ts";
import { startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { until } from "../support/until.ts";
import { Rival } from "./rival.ts";

// GitOps that heals itself: it applies the manifest of the desk every 200 ms, whatever stands there.

const often = 8;
const inGit = "as in git";

/** Applies the manifest of a desk, which has this in spec beside its targets, as Argo CD does. */
function applying({ namespace }: TestDesk, client: Client, spec: object): () => Promise<unknown> {
	const manifest = {
		apiVersion: "tradingsafety.dev/v1alpha1",
		kind: "TradingSafety",
		metadata: { name: "desk" },
		spec: { targets: [target("bots", "Bot"), target("strategy", "Strategy")], ...spec },
	};
	return () =>
		client.patch(deskPath(namespace), manifest, {
			type: "apply",
			fieldManager: "argocd-controller",
			force: true,
		});
}

/** A namespace in which something runs, with one replica, its people, and the tool, which may configure. */
async function open(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 2 }, { name: "strategy", replicas: 1 });
	await startReplica(t, desk);
	const tool = await person(t, desk, "argocd", "configurer", "configure");
	return { desk, tool, ...(await people(t, desk)) };
}

async function isHalted(t: ExecutionContext, desk: TestDesk, mode: "Pause" | "Emergency"): Promise<void> {
	await desk.confirmed(mode);
	t.is((await desk.get()).spec.mode, mode);
	t.deepEqual(await desk.pods(), []);
	t.deepEqual(await desk.recorded(), ["bots=2", "strategy=1"]);
}

async function isRestored(t: ExecutionContext, desk: TestDesk): Promise<void> {
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);
	await desk.ready("strategy", 1);
	t.deepEqual(await desk.records(), []);
}

test("a manifest without mode that is applied all the time neither moves nor voids anything", async (t) => {
	// Given a desk that GitOps made, and applies on and on
	const { desk, tool, requester, raiser } = await open(t);
	const apply = applying(desk, tool.client, {});
	await apply();
	const witness = await Witness.start(t, desk);
	const rival = Rival.start(t, apply);
	await isHalted(t, desk, "Pause");
	await desk.lower("Normal");
	await isRestored(t, desk);
	// When it is raised
	const { metadata } = await desk.patch({ mode: "Emergency" }, raiser.client);
	// Then it is halted, and what is applied makes no new generation
	await isHalted(t, desk, "Emergency");
	const before = rival.done;
	await until("it was applied often", () => rival.done >= before + often);
	t.is((await desk.get()).metadata.generation, metadata.generation);
	// When somebody who needs a clearance lowers it step by step, then the clearance is good all the same
	for (const mode of ["Pause", "Normal"] as const) {
		await desk.cleared();
		await desk.patch({ mode, reason: `down to ${mode}`, setBy: requester.name }, requester.client);
		if (mode === "Pause") await isHalted(t, desk, "Pause");
	}
	await isRestored(t, desk);
	await rival.stop();
	t.is(rival.refused, 0);
	await witness.catchUp();
	t.deepEqual(witness.falseClaims("bots", "strategy"), []);
});

for (const who of ["who may configure", "with every right"]) {
	test(`a manifest with mode Normal, applied all the time by a tool ${who}, ends no halt`, async (t) => {
		// Given a desk in Normal, as it stands in git, applied on and on
		const { desk, tool, requester, raiser } = await open(t);
		await desk.govern({ targets: [target("bots", "Bot"), target("strategy", "Strategy")] });
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await isRestored(t, desk);
		const client = who === "with every right" ? desk.admin : tool.client;
		const rival = Rival.start(t, applying(desk, client, { mode: "Normal" }));
		await until("it was applied", () => rival.done >= 2);
		t.is(rival.refused, 0);
		const witness = await Witness.start(t, desk);
		// When it is raised
		const raised = await desk.patch({ mode: "Emergency" }, raiser.client);
		await until("the tool is refused", () => rival.refused > 0);
		const { done } = rival;
		// Then it is halted, in Emergency and, once lowered, in Pause, and the tool is refused each time
		await isHalted(t, desk, "Emergency");
		await until("it was refused often", () => rival.refused >= often);
		await desk.cleared();
		await desk.patch({ mode: "Pause", reason: "checked", setBy: requester.name }, requester.client);
		await isHalted(t, desk, "Pause");
		const { refused } = rival;
		await until("it was refused often again", () => rival.refused >= refused + often);
		t.is((await desk.get()).spec.mode, "Pause");
		t.is(rival.done, done);
		await witness.catchUp();
		const since = Number(raised.metadata.resourceVersion);
		t.deepEqual(
			witness.versions
				.filter(({ metadata }) => Number(metadata.resourceVersion) >= since)
				.filter(({ spec }) => spec.mode === "Normal"),
			[],
		);
		// When somebody lowers it to what is in git, then all comes back, and the tool is refused no more
		await desk.cleared();
		await desk.patch({ mode: "Normal", reason: "go on", setBy: requester.name }, requester.client);
		await isRestored(t, desk);
		await until("it is applied again", () => rival.done > done);
		await rival.stop();
		t.deepEqual(witness.falseClaims("bots", "strategy"), []);
	});
}

test("mode and reason in git with every right take a Pause away, each time by name, and no Emergency", async (t) => {
	// Given a desk in Normal that is not cleared after a raise, and a tool that may override and has a reason in git
	const { desk, raiser } = await open(t);
	const targets = [target("bots", "Bot"), target("strategy", "Strategy")];
	const reset = { cooldownSeconds: 3_600 };
	await desk.govern({ targets, reset });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await isRestored(t, desk);
	const rival = Rival.start(t, applying(desk, desk.admin, { mode: "Normal", reason: inGit, reset }));
	await until("it was applied", () => rival.done >= 2);
	const overrides = async () =>
		((await desk.get()).status?.history ?? []).filter(({ override }) => override === true);
	// When it is raised to Pause again and again
	for (const time of [1, 2]) {
		await desk.patch({ mode: "Pause" }, raiser.client);
		await until("the tool has lowered it", async () => (await overrides()).length === time);
		await isRestored(t, desk);
	}
	// Then history names each lowering as an override, and a warning tells of it
	for (const row of await overrides())
		t.like(row, { from: "Pause", to: "Normal", reason: inGit, actor: "admin" });
	await until("warnings tell of it", async () =>
		(await desk.events()).some(({ type, note }) => type === "Warning" && note?.includes(inGit)),
	);
	// When it is raised to Emergency, then the tool is refused, since that is not lowered to Normal in one step
	const { refused } = rival;
	await desk.patch({ mode: "Emergency" }, raiser.client);
	await until("it was refused often", () => rival.refused >= refused + often);
	await isHalted(t, desk, "Emergency");
	await rival.stop();
});

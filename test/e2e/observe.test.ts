import test, { type ExecutionContext } from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { ifThere, isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { podsPath } from "../../operator/resources.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { until } from "../support/until.ts";

const rounds = 20;
const lonersPerRound = 5;
/** Every so many rounds somebody makes a Deployment while the desk only observes. */
const lateEvery = 4;
const churners = 2;
const targets = ["bots", "loners", "churn", "late"].map((name) => target(name, "Bot"));

const podObject = (name: string, app: string) => ({
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name, labels: { app } },
	spec: { containers: [{ name: "bot", image: "bot" }] },
});

/** Makes a pod that nothing owns and nobody but the operator deletes. False when the fence denies it. */
async function makePod(desk: TestDesk, name: string, app: string, client = desk.admin): Promise<boolean> {
	try {
		await client.create(podsPath(desk.namespace), podObject(name, app));
		return true;
	} catch (error) {
		if (isKubeError(error, "FORBIDDEN")) return false;
		throw error;
	}
}

/** Something that goes on in the background until it is told to end. */
function background(t: ExecutionContext, step: (count: number) => Promise<void>) {
	let ended = false;
	const run = async () => {
		for (let count = 0; !ended; count++) await step(count);
	};
	const running = run();
	const end = () => {
		ended = true;
		return running;
	};
	t.teardown(end);
	return { end };
}

/** Makes pods and deletes the oldest, as fast as the API server answers. */
async function churn(t: ExecutionContext, desk: TestDesk, nth: number) {
	const limits = { perSecond: 10_000, burst: 10_000 };
	const client = new Client(await connect(loadKubeConfig(desk.cluster.kubeconfig)), { limits });
	t.teardown(() => client.close());
	const alive: string[] = [];
	return background(t, async (count) => {
		const name = `churn-${nth}-${count}`;
		if (await makePod(desk, name, "churn", client)) alive.push(name);
		const oldest = alive.length > 5 ? alive.shift() : undefined;
		if (oldest !== undefined) await ifThere(client.delete(podsPath(desk.namespace, oldest)));
	});
}

/** Raises and lowers the desk, never to Normal, each time status has caught up. */
function flip(t: ExecutionContext, desk: TestDesk) {
	const modes = ["Emergency", "Pause", "Reduce", "Emergency", "Pause"] as const;
	return background(t, async (count) => {
		const { metadata } = await desk.patch({ mode: modes[count % modes.length], reason: `flip ${count}` });
		await until("status speaks of the flip", async () => {
			const { status } = await desk.get();
			return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
		});
	});
}

async function seenBy(desk: TestDesk, replicas: readonly Replica[], observing: boolean): Promise<void> {
	const series = `tradingsafety_observing{namespace="${desk.namespace}"}`;
	for (const replica of replicas) {
		await until("it has seen the switch", async () => (await replica.metric(series)) === Number(observing));
	}
}

/** Waits until status, written in Observe, counts the pods of this round and says that they would be stopped. */
function plannedFor(desk: TestDesk, pods: number): Promise<TradingSafety> {
	return until("what would be done stands in status", async () => {
		const found = await desk.get();
		const row = found.status?.targets?.find(({ name }) => name === "loners");
		return row?.planned === "Stop" && (row.pods ?? 0) >= pods ? found : undefined;
	});
}

/** What a version of the desk says, of its own generation, that is not so while it only observes a halt. */
function falseWords({ metadata, spec, status }: TradingSafety): readonly string[] {
	if (spec.enforcement !== "Observe" || status?.observedGeneration !== metadata.generation) return [];
	const claims = (status?.conditions ?? [])
		.filter(({ type, status }) => ["Enforced", "Fenced", "Confirmed"].includes(type) && status === "True")
		.map(({ type }) => type);
	const inForce = status?.modeInForce === "Observe" ? [] : [`${status?.modeInForce} in force`];
	return [...claims, ...inForce].map((claim) => `version ${metadata.resourceVersion}: ${claim}`);
}

const heldIn = ({ status }: TradingSafety) =>
	JSON.stringify(status?.targets?.map(({ name, fencedAs }) => [name, fencedAs]));

/** Versions that were written in Observe and hold something else than the version before. */
function heldChanged(versions: readonly TradingSafety[]): readonly string[] {
	return versions.flatMap((version, index) => {
		const before = versions[index - 1];
		const known = before?.status?.targets !== undefined && version.spec.enforcement === "Observe";
		return known && heldIn(version) !== heldIn(before)
			? [`version ${version.metadata.resourceVersion}: ${heldIn(before)} became ${heldIn(version)}`]
			: [];
	});
}

test(`${rounds} switches to Observe and back under load end right in both positions`, async (t) => {
	// Given a desk in Emergency with two replicas, and people who make and delete pods and flip its mode
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 3 });
	const replicas = [await startReplica(t, desk), await startReplica(t, desk)];
	await desk.govern({ mode: "Emergency", targets });
	await desk.confirmed("Emergency");
	const witness = await Witness.start(t, desk);
	const flipping = flip(t, desk);
	const churning = await Promise.all(Array.from({ length: churners }, (_, nth) => churn(t, desk, nth)));
	// When it is switched to Observe and back, now at once, now when the halt has gone on
	const made: { name: string; enforcedAt: number }[] = [];
	let landedLate = 0;
	for (let round = 0; round < rounds; round++) {
		await desk.patch({ enforcement: "Observe", reason: `round ${round}` });
		await seenBy(desk, replicas, true);
		const seenAt = Number(
			(await desk.admin.list(podsPath(desk.namespace), { limit: 1 })).metadata.resourceVersion,
		);
		const names = Array.from({ length: lonersPerRound }, (_, nth) => `loner-${round}-${nth}`);
		for (const name of names) await until("the fence lets it pass", () => makePod(desk, name, "loners"));
		const late = round % lateEvery === 0 ? `late-${round}` : undefined;
		if (late !== undefined) await desk.apply({ name: late, replicas: 1, labels: { app: "late" } });
		await plannedFor(desk, lonersPerRound);
		if (late !== undefined) {
			// Then what was made meanwhile is neither scaled nor recorded
			const { metadata, spec } = await desk.workload(late);
			t.is(spec.replicas, 1);
			t.false((await desk.records()).some((record) => record.spec.workload.uid === metadata.uid));
		}
		const enforced = await desk.patch({ enforcement: "Enforce", reason: `round ${round} is over` });
		const enforcedAt = Number(enforced.metadata.resourceVersion);
		made.push(...names.map((name) => ({ name, enforcedAt })));
		landedLate += witness
			.livesOf("loners")
			.filter(
				({ createdAt, toldAt = 0 }) => toldAt > seenAt && toldAt < enforcedAt && createdAt < seenAt,
			).length;
		if (round % 2 === 0) {
			await until("the halt goes on", async () => (await desk.pods("loners")).length === 0);
		}
	}
	await flipping.end();
	// Then none of the pods made after both replicas had seen the switch was told before it enforced again
	await desk.patch({ mode: "Emergency" });
	await witness.catchUp();
	const lives = new Map(witness.livesOf("loners").map((life) => [life.name, life]));
	t.deepEqual(
		made.filter(({ name, enforcedAt }) => (lives.get(name)?.toldAt ?? enforcedAt) < enforcedAt),
		[],
	);
	t.is(made.length, rounds * lonersPerRound);
	t.log(`told after both replicas had seen a switch, by calls under way: ${landedLate} of ${made.length}`);
	// When it ends in Observe, then everything is open and planned, and nothing is claimed
	await desk.patch({ enforcement: "Observe", reason: "the last round" });
	await seenBy(desk, replicas, true);
	await until("the fence lets it pass", () => makePod(desk, "last", "loners"));
	const observed = await plannedFor(desk, 1);
	t.deepEqual(falseWords(observed), []);
	t.is((await desk.workload("bots")).spec.replicas, 0);
	t.true((await desk.recorded()).includes("bots=3"));
	// When it ends in Enforce, then nothing is left of what it stops, and everything is recorded
	await desk.patch({ enforcement: "Enforce", reason: "for good" });
	await desk.confirmed("Emergency");
	for (const { end } of churning) await end();
	t.deepEqual(await desk.pods(), []);
	const late = Array.from({ length: Math.ceil(rounds / lateEvery) }, (_, nth) => `late-${nth * lateEvery}=1`);
	t.deepEqual(await desk.recorded(), ["bots=3", ...late].sort());
	// When it is lowered, then all of it is back as it was
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 3);
	t.deepEqual(await desk.records(), []);
	// Then no version of the desk said what was not so, and in Observe none held more or less than before
	await witness.catchUp();
	t.deepEqual(witness.versions.flatMap(falseWords), []);
	t.deepEqual(heldChanged(witness.versions), []);
	t.deepEqual(witness.falseClaims("bots", "loners", "churn", "late"), []);
});

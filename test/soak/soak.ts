import type { Cluster } from "../../dev/cluster/cluster.ts";
import { messageOf } from "../../dev/cluster/errors.ts";
import { awaitPolicies } from "../../dev/install.ts";
import { wait } from "../../kube/backoff.ts";
import { KubeError } from "../../kube/error.ts";
import { worldTargets } from "../core/world/oracle.ts";
import { Chance } from "../operator/chance.ts";
import { TestDesk } from "../operator/desk.ts";
import { people } from "../operator/people.ts";
import type { OwnScope } from "../support/scope.ts";
import { Chronicle } from "./chronicle.ts";
import { judgeRest, judgeRestored } from "./end.ts";
import { Faults } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { judge } from "./judge.ts";
import { Crew } from "./people.ts";
import { Replicas } from "./replicas.ts";
import { type Deed, drawStory, longestFuseMilliseconds, type Story } from "./story.ts";
import { Watcher } from "./watcher.ts";

/** How a seed went. */
export type Outcome = {
	readonly seed: number;
	readonly story: Story;
	readonly seconds: number;
	readonly breaches: readonly string[];
	/** What was done, and what the API server showed. */
	readonly told: readonly string[];
	readonly seen: readonly string[];
	readonly logs: readonly { readonly identity: string; readonly text: string }[];
};

const restMilliseconds = 8_000;
const lowerMilliseconds = 15_000;
/** For what must come in the end. After its start an API server may take half a minute to admit pods again. */
const endMilliseconds = 180_000;

/** Plays the story of a seed on a cluster that has nothing else to do, and judges what the API server showed. Closes the scope. */
export async function soak(
	cluster: Cluster,
	scope: OwnScope,
	seed: number,
	verbose: boolean,
): Promise<Outcome> {
	const seen = new Chronicle();
	const told = new Chronicle(verbose ? (line) => console.log(line) : undefined);
	const chance = new Chance({ log: () => {} }, seed);
	const story = drawStory(chance);
	const breaches: string[] = [];
	let logs: Outcome["logs"] = [];
	try {
		await awaitPolicies(cluster);
		const stage = await setUp(scope, cluster, story, { seen, told, chance });
		try {
			await playSteps(stage, story);
			breaches.push(...(await stage.faults.heal()));
			told.note("everything is mended");
			breaches.push(...(await restAndRestore(stage)));
			breaches.push(...(await stage.replicas.end()));
		} catch (error) {
			breaches.push(`it did not come to its end: ${explain(error)}`, ...(await stage.faults.heal()));
		} finally {
			const { lowerings, overrides } = stage.crew;
			const deposition = { lowerings, overrides, wanted: stage.fleet.wanted() };
			breaches.push(...judge(stage.watcher.testimony(), deposition), ...stage.replicas.misbehaviour());
			logs = stage.replicas.logs();
			await stage.desk.admin.delete(`/api/v1/namespaces/${stage.desk.namespace}`);
		}
	} catch (error) {
		breaches.push(`the soak itself failed: ${explain(error)}`);
	} finally {
		await scope.close();
	}
	return { seed, story, seconds: told.seconds(), breaches, told: told.lines, seen: seen.lines, logs };
}

type Stage = Awaited<ReturnType<typeof setUp>>;

/** A desk in Normal, with its people and its replicas, all of them watched. */
async function setUp(
	scope: OwnScope,
	cluster: Cluster,
	story: Story,
	{ seen, told, chance }: { readonly seen: Chronicle; readonly told: Chronicle; readonly chance: Chance },
) {
	const desk = await TestDesk.create(scope, { cluster });
	endSlowly(scope, desk, chance);
	const fleet = new Fleet(desk);
	const specs = story.fleet.map((deployed) => fleet.spec(deployed));
	await desk.run(...specs);
	for (const spec of specs) await fleet.noteMade(spec);
	const crew = new Crew(desk, await people(scope, desk), told);
	const replicas = await Replicas.start(scope, desk, told, story.replicas);
	const targets = worldTargets.map(({ spec }) => spec).filter(({ name }) => story.targets.includes(name));
	const reset = story.approvals > 0 ? { reset: { approvals: story.approvals } } : {};
	await desk.govern({ targets, ...reset });
	const watcher = await Watcher.start(scope, desk, seen);
	await desk.confirmed("Pause");
	await crew.lower(true, endMilliseconds);
	await desk.confirmed("Normal");
	told.note("the desk is in Normal");
	const faults = new Faults({ cluster, replicas, crew, chronicle: told, chance, admin: desk.admin });
	return { desk, fleet, crew, replicas, watcher, faults, told };
}

/** Lets pods that are told to stop, and take their time, go now and then; and those that KWOK has lost sight of. */
function endSlowly(scope: OwnScope, desk: TestDesk, chance: Chance): void {
	const stopped = new AbortController();
	const loop = async () => {
		while (!stopped.signal.aborted) {
			await wait(chance.integer(200, 2_000), stopped.signal);
			try {
				await desk.dropFinalizers();
				await desk.wakeKwok();
			} catch (error) {
				// The API server is away, or the pod is gone already: there will be a next time.
				if (!(error instanceof KubeError)) throw error;
			}
		}
	};
	const running = loop();
	scope.teardown(() => {
		stopped.abort();
		return running;
	});
}

async function playSteps(stage: Stage, story: Story): Promise<void> {
	const never = new AbortController().signal;
	for (const { pauseMilliseconds, deed, faults } of story.steps) {
		await wait(pauseMilliseconds, never);
		const { kind, ...rest } = deed;
		stage.told.note(`--- ${kind} ${Object.values(rest).join(" ")}`);
		for (const { fault, afterMilliseconds } of faults) stage.faults.strike(fault, afterMilliseconds);
		try {
			await act(stage, deed);
		} catch (error) {
			// In the middle of a story anything may fail; what must come in the end is asked at the end.
			stage.told.note(`${kind}: ${explain(error).slice(0, 400)}`);
		}
	}
	await wait(longestFuseMilliseconds, never);
}

async function act(stage: Stage, deed: Deed): Promise<void> {
	const { crew, fleet, told, desk } = stage;
	const note = (text: string) => told.note(`${deed.kind}: ${text}`);
	switch (deed.kind) {
		case "Raise":
			return crew.raise(deed.to);
		case "RaiseTarget":
			return crew.raiseTarget(deed.target, deed.to);
		case "Freeze":
			return crew.freeze();
		case "Lower":
			await crew.lower(deed.far, lowerMilliseconds);
			return;
		case "Override":
			return crew.override(deed.far);
		case "Restore":
			while (await crew.lower(true, lowerMilliseconds));
			return;
		case "Rest":
			await desk.confirmed(await wantedWord(desk), restMilliseconds);
			return;
		case "Scale":
			return note(await fleet.scale(deed.nth, deed.replicas));
		case "Create":
			return note(await fleet.create(deed));
		case "Delete":
			return note(await fleet.delete(deed.nth));
		case "DeletePods":
			return note(await fleet.deletePods(deed.nth, deed.count));
		case "DeleteRecord":
			return note(await fleet.deleteRecord(deed.nth));
		case "RunPod":
			return note(await fleet.runPod(deed.app));
	}
}

/** What is asked for must come into force; then everything must come back as it was. */
async function restAndRestore(stage: Stage): Promise<readonly string[]> {
	const { desk, crew, fleet, told, watcher } = stage;
	const word = await wantedWord(desk);
	await desk.confirmed(word, endMilliseconds);
	told.note(`${word} is confirmed`);
	const rest = await judgeRest(desk, fleet);
	while (await crew.lower(true, endMilliseconds));
	await desk.confirmed("Normal", endMilliseconds);
	told.note("Normal is confirmed");
	await watcher.catchUp();
	const restored = await judgeRestored(desk, fleet, watcher.testimony());
	return [...rest, ...restored];
}

async function wantedWord(desk: TestDesk): Promise<string> {
	const { spec } = await desk.get();
	return `${spec.mode}${spec.freeze === true ? "+Freeze" : ""}`;
}

function explain(error: unknown): string {
	const cause = error instanceof Error ? error.cause : undefined;
	return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${explain(cause)}`;
}

import { type Kind, latest, type World } from "./api.ts";

import { controllersWork, fenceIsTold, kubeletWorks } from "./machines.ts";
import { askedFor, denies, heldAgainst, isHalted, isObserving, severityOf, targetsFor } from "./oracle.ts";
import { lower, nextLowering, raise, switchTo } from "./people.ts";
import type { Play } from "./play.ts";
import { deliver, duties, step } from "./replica.ts";

const kinds: readonly Kind[] = ["desks", "workloads", "pods", "records"];
const roundsAtMost = 300;

/**
 * Everybody catches up, one replica leads, and all work until nothing changes any more. Whatever the world
 * then says that it should not is added to its breaches.
 */
export function settle({ world, replicas }: Play): void {
	const leader = replicas.find((replica) => replica.leads) ?? replicas[0];
	for (const replica of replicas) replica.leads = replica === leader;
	// Three quiet rounds, because a round may end in the middle of a plan that is now out of date.
	let quiet = 0;
	for (let round = 0; quiet < 3; round++) {
		if (round === roundsAtMost) {
			world.breaches.push("it never came to rest");
			return;
		}
		const before = size(world);
		for (const replica of replicas) {
			for (const kind of kinds) deliver(world, replica, kind, Number.POSITIVE_INFINITY);
			for (const duty of duties) {
				do step(world, replica, duty);
				while (replica.work.has(duty));
			}
		}
		while (world.fenceSees < world.versions.desks.length - 1) fenceIsTold(world);
		controllersWork(world);
		for (let nth = latest(world, "pods").size; nth > 0; nth--) kubeletWorks(world, 0);
		quiet = size(world) === before ? quiet + 1 : 0;
	}
	judgeRest(world);
}

const size = (world: World): number =>
	kinds.reduce((sum, kind) => sum + world.versions[kind].length, world.fenceSees);

/** Enforces, lowers all the way, each step with a clearance and after a rest, and comes to rest in Normal. */
export function lowerToNormal(stage: Play): void {
	const { world } = stage;
	settle(stage);
	switchTo(world, "Enforce");
	for (;;) {
		const desk = latest(world, "desks");
		if (desk.spec.freeze === true && desk.spec.mode === "Normal") raise(world, "Pause");
		settle(stage);
		const what = nextLowering(latest(world, "desks"));
		if (what === undefined) return;
		if (!lower(world, what, false)) {
			world.breaches.push(
				`at rest, but not cleared: ${JSON.stringify(latest(world, "desks").status?.holds)}`,
			);
			return;
		}
		settle(stage);
	}
}

/** What must hold when nothing is left to do. */
function judgeRest(world: World): void {
	const desk = latest(world, "desks");
	const records = latest(world, "records");
	const pods = [...latest(world, "pods").values()];
	const breach = (text: string) => world.breaches.push(`at rest: ${text}`);
	judgeStory(world, isHalted(desk));
	if (isObserving(desk)) return;
	for (const pod of pods) if (denies(desk, pod.labels)) breach(`${pod.uid} of a closed target`);
	for (const { uid, labels, replicas } of latest(world, "workloads").values()) {
		const mine = targetsFor(desk, labels);
		const restorable = mine.every((target) => target.row.Normal === "Run");
		const wish = world.wishes.get(uid);
		const alive = pods.filter((pod) => pod.owner === uid).length;
		if (alive !== replicas) breach(`${uid} has ${alive} of ${replicas} pods`);
		if (denies(desk, labels)) {
			if (replicas !== 0) breach(`${uid} stands at ${replicas}`);
			if (restorable && !records.has(uid) && wish?.replicas !== 0) breach(`${uid} has no record`);
			const recorded = records.get(uid)?.replicas ?? 0;
			if (restorable && wish?.meddled === false && recorded !== wish.replicas) {
				breach(`${uid} was ${wish.replicas} and ${recorded} is recorded`);
			}
			continue;
		}
		if (records.has(uid)) breach(`${uid} is open and its record was not removed`);
		if (!restorable) {
			if (replicas !== 1) breach(`${uid} was started with ${replicas}`);
		} else if (wish !== undefined && !wish.meddled && wish.replicas !== replicas) {
			breach(`${uid} was ${wish.replicas} and came back as ${replicas}`);
		} else {
			world.wishes.set(uid, { replicas, meddled: false });
		}
	}
	for (const { name } of desk.spec.targets ?? []) {
		const [asked, held] = [askedFor(desk, name), heldAgainst(desk, name)];
		if (asked !== "Normal" && (held === undefined || severityOf(held) < severityOf(asked))) {
			breach(`${name} is not held in ${asked}`);
		}
	}
}

function judgeStory(world: World, halted: boolean): void {
	const { metadata, spec, status } = latest(world, "desks");
	const breach = (text: string) => world.breaches.push(`at rest: ${text}`);
	const condition = (type: string) => status?.conditions?.find((one) => one.type === type)?.status;
	if (status?.observedGeneration !== metadata.generation) breach("status is behind");
	if ((condition("Cleared") === "True") !== halted) breach(`Cleared is ${condition("Cleared")}`);
	const word = `${spec.mode}${spec.freeze === true ? "+Freeze" : ""}${spec.enforcement === "Observe" ? "+Observe" : ""}`;
	if (spec.enforcement === "Observe") {
		if (condition("Enforced") === "True" || condition("Fenced") === "True") breach("said to be enforced");
		if (halted && condition("Confirmed") === "True") breach("an observed halt is confirmed");
		if (halted && status?.modeInForce !== "Observe") breach(`${status?.modeInForce} is said to be in force`);
	} else {
		if (condition("Confirmed") !== "True") breach("not confirmed");
		if (status?.modeInForce !== word) breach(`${status?.modeInForce} is said to be in force, not ${word}`);
	}
	if (status?.history?.at(-1)?.to !== word) breach(`history ends in ${status?.history?.at(-1)?.to}`);
}

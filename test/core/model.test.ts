import test from "ava";
import fc from "fast-check";
import { latest, type World } from "./world/api.ts";
import { type History, happen, histories, play, schedules } from "./world/history.ts";
import { freeze, lower, raise, switchTo } from "./world/people.ts";
import type { Play } from "./world/play.ts";
import { restart } from "./world/replica.ts";
import { lowerToNormal, settle } from "./world/settle.ts";

/** TRADINGSAFETY_MODEL_RUNS asks for more runs, TRADINGSAFETY_MODEL_SEED for those of a failure. */
const runs = Number(process.env.TRADINGSAFETY_MODEL_RUNS ?? 200);
const seed = process.env.TRADINGSAFETY_MODEL_SEED;
const settings = {
	numRuns: runs,
	includeErrorInReport: true,
	...(seed !== undefined && { seed: Number(seed) }),
};

function noBreach({ world }: Play): void {
	if (world.breaches.length > 0) throw new Error([...new Set(world.breaches)].join("\n"));
}

test("whatever happened, the desk comes to rest as the API server says it must", (t) => {
	fc.assert(
		// Given a history of raises, lowerings, crashes and late news
		fc.property(histories, (history) => {
			const stage = play(history);
			// When everybody has caught up
			settle(stage);
			// Then nothing runs that must not, nothing was lost, and nothing was said that was not so
			noBreach(stage);
		}),
		settings,
	);
	t.pass();
});

test("whatever happened, lowering step by step brings everything back as it was", (t) => {
	fc.assert(
		// Given a history, the fleet of which people did not touch while it was halted
		fc.property(histories, (history) => {
			const stage = play(history);
			// When people lower it, each step cleared, until it is Normal
			lowerToNormal(stage);
			// Then each workload has as many replicas as people gave it, and no record is left
			noBreach(stage);
			if (latest(stage.world, "records").size > 0) throw new Error("records are left");
		}),
		settings,
	);
	t.pass();
});

test("freeze wins over every mode: only risk monitoring goes on", (t) => {
	fc.assert(
		// Given a history, at the end of which somebody freezes the desk
		fc.property(histories, (history) => {
			const stage = play(history);
			switchTo(stage.world, "Enforce");
			freeze(stage.world);
			settle(stage);
			// When a person lowers the mode as far as it goes, without ending the freeze
			while (lower(stage.world, { of: "Mode", to: "Pause" }, true)) settle(stage);
			lower(stage.world, { of: "Mode", to: "Normal" }, true);
			settle(stage);
			// Then no pod of any other target is there
			noBreach(stage);
			const apps = new Map([
				["bots", "bot"],
				["gateways", "gateway"],
				["liquidators", "liquidator"],
			]);
			const closed = history.targets.map((name) => apps.get(name));
			const pods = [...latest(stage.world, "pods").values()];
			const left = pods.filter((pod) => closed.includes(pod.labels.app));
			if (left.length > 0) throw new Error(`${left.map((pod) => pod.uid).join()} run in a freeze`);
		}),
		settings,
	);
	t.pass();
});

/** What stands in the cluster, without the identities that depend on who was first. */
function standing(world: World): string {
	const pods = [...latest(world, "pods").values()];
	const workloads = [...latest(world, "workloads").values()].map(({ uid, replicas }) => [
		uid,
		replicas,
		pods.filter((pod) => pod.owner === uid).length,
		latest(world, "records").get(uid)?.replicas,
	]);
	const { targets, conditions, modeInForce } = latest(world, "desks").status ?? {};
	const held = targets?.map((target) => [target.name, target.fencedAs, target.startAllowed]);
	return JSON.stringify({ workloads, held, modeInForce, conditions: conditions?.map((one) => one.status) });
}

test("two or three replicas enforcing at once, with crashes, end where one ends", (t) => {
	const modes = fc.constantFrom("Pause" as const, "Reduce" as const, "Emergency" as const);
	fc.assert(
		// Given a fleet, a raise, and replicas whose calls meet in every order
		fc.property(histories, modes, schedules, (history, mode, schedule) => {
			const end = (replicas: number, happenings: History["happenings"]) => {
				const stage = play({ ...history, replicas, happenings: [] });
				raise(stage.world, mode);
				for (const happens of happenings) happen(stage, happens);
				settle(stage);
				noBreach(stage);
				return standing(stage.world);
			};
			// When they are done, and when one replica without any trouble is
			const [one, many] = [end(1, []), end(Math.max(2, history.replicas), schedule)];
			// Then the cluster is in the same state
			if (one !== many) throw new Error(`one: ${one}\nmany: ${many}`);
		}),
		settings,
	);
	t.pass();
});

test("enforcing what is enforced changes nothing, also after a restart", (t) => {
	fc.assert(
		// Given a desk at rest after any history
		fc.property(histories, (history) => {
			const stage = play(history);
			settle(stage);
			const { pods, workloads, records, desks } = stage.world.versions;
			const before = [pods.length, workloads.length, records.length, desks.length];
			// When every replica starts anew and enforces, restores and observes once more
			for (const replica of stage.replicas) restart(stage.world, replica);
			settle(stage);
			// Then nothing was written
			const after = [pods.length, workloads.length, records.length, desks.length];
			if (`${before}` !== `${after}`) throw new Error(`writes before ${before}, after ${after}`);
		}),
		settings,
	);
	t.pass();
});

import type { TradingSafety } from "../../../crds/types.ts";
import {
	createPod,
	createWorkload,
	deleteWorkload,
	latest,
	next,
	scale,
	type World,
	writeSpec,
} from "./api.ts";
import { denies, isStepDown, severityOf } from "./oracle.ts";

/** A more severe mode for the desk or, with `target`, for one target alone. */
export function raise(world: World, mode: "Pause" | "Reduce" | "Emergency", target?: string): void {
	const { spec } = latest(world, "desks");
	if (target === undefined) {
		if (severityOf(mode) > severityOf(spec.mode ?? "")) writeSpec(world, { ...spec, mode });
		return;
	}
	const known = spec.targets?.some(({ name }) => name === target) === true;
	if (known && severityOf(mode) > severityOf(spec.targetModes?.[target] ?? "Normal")) {
		writeSpec(world, { ...spec, targetModes: { ...spec.targetModes, [target]: mode } });
	}
}

/** Makes the desk enforce, or only observe. */
export function switchTo(world: World, enforcement: "Enforce" | "Observe"): void {
	const { spec } = latest(world, "desks");
	if ((spec.enforcement ?? "Enforce") !== enforcement) writeSpec(world, { ...spec, enforcement });
}

/** Freezes the desk. */
export function freeze(world: World): void {
	const { spec } = latest(world, "desks");
	if (spec.freeze !== true) writeSpec(world, { ...spec, freeze: true });
}

/** A trip: a new identity, so that the generation moves even when nothing is raised. */
export function trip(world: World): void {
	writeSpec(world, { ...latest(world, "desks").spec, trip: { id: next(world), type: "Button" } });
}

/** What a person asks to be lowered: the mode, the freeze, or the mode of one target. */
export type Lowering =
	| { readonly of: "Mode"; readonly to: "Pause" | "Normal" }
	| { readonly of: "Freeze" }
	| { readonly of: "Target"; readonly name: string; readonly to: "Pause" | "Normal" };

/** Lowers, if the API server lets it pass: cleared for this generation, or by override. True when it passed. */
export function lower(world: World, what: Lowering, override: boolean): boolean {
	const desk = latest(world, "desks");
	const spec = lowered(desk, what);
	if (spec === undefined) return false;
	const { clearance } = desk.status ?? {};
	const cleared =
		clearance?.generation === desk.metadata.generation &&
		severityOf(spec.mode ?? "") >= severityOf(clearance?.toMode ?? "Freeze");
	if (!cleared && !override) return false;
	writeSpec(world, { ...spec, reason: `it is safe (${next(world)})` });
	return true;
}

function lowered({ spec }: TradingSafety, what: Lowering): TradingSafety["spec"] | undefined {
	switch (what.of) {
		case "Mode":
			return isStepDown(spec.mode ?? "", what.to) ? { ...spec, mode: what.to } : undefined;
		case "Freeze":
			return spec.freeze === true && spec.mode !== "Normal" ? { ...spec, freeze: false } : undefined;
		case "Target": {
			if (!isStepDown(spec.targetModes?.[what.name] ?? "Normal", what.to)) return undefined;
			return { ...spec, targetModes: { ...spec.targetModes, [what.name]: what.to } };
		}
	}
}

/** The next lowering on the way to a desk that is all Normal; undefined when it is. */
export function nextLowering({ spec }: TradingSafety): Lowering | undefined {
	if (spec.freeze === true) return { of: "Freeze" };
	if (spec.mode !== "Normal") return { of: "Mode", to: spec.mode === "Emergency" ? "Pause" : "Normal" };
	const [name, mode] = Object.entries(spec.targetModes ?? {}).find(([, own]) => own !== "Normal") ?? [];
	return name === undefined
		? undefined
		: { of: "Target", name, to: mode === "Emergency" ? "Pause" : "Normal" };
}

const apps = ["bot", "gateway", "risk", "liquidator", "website"];

/** Somebody deploys a workload, of any target or of none. */
export function deploy(world: World, app: number, inEurope: boolean, replicas: number): void {
	const name = apps[app % apps.length] ?? "website";
	const region = inEurope && name !== "liquidator" ? { region: "eu" } : {};
	if (latest(world, "workloads").size < 5) createWorkload(world, { app: name, ...region }, replicas);
}

/** Somebody runs a pod that nothing owns. */
export function runPod(world: World, app: number): void {
	if (latest(world, "pods").size < 20) createPod(world, { app: apps[app % apps.length] ?? "website" });
}

/** Somebody deletes the nth workload. */
export function undeploy(world: World, nth: number): void {
	const uid = nthWorkload(world, nth);
	if (uid !== undefined) deleteWorkload(world, uid);
}

/** Somebody scales the nth workload. In a halt or a restore that makes the outcome theirs, not ours. */
export function scaleByHand(world: World, nth: number, replicas: number): void {
	const uid = nthWorkload(world, nth);
	const workload = uid === undefined ? undefined : latest(world, "workloads").get(uid);
	if (uid === undefined || workload === undefined) return;
	const open = !denies(latest(world, "desks"), workload.labels) && !latest(world, "records").has(uid);
	const meddled = !open || world.wishes.get(uid)?.meddled === true;
	if (scale(world, uid, replicas) === "Done") world.wishes.set(uid, { replicas, meddled });
}

function nthWorkload(world: World, nth: number): string | undefined {
	const uids = [...latest(world, "workloads").keys()];
	return uids[nth % Math.max(1, uids.length)];
}

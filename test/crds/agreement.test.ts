import { isDeepStrictEqual } from "node:util";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { judgeChange, judgeCreate, type Refusal, stamped } from "../../core/change.ts";
import { bootMode, judgePod } from "../../core/fence.ts";
import { rank } from "../../core/modes.ts";
import { specDefaults } from "../../crds/defaults.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import { bootModeAnnotation, enforceLabel, enforceValues, observeValue } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { newNamespace, ownCluster } from "../support/cluster.ts";
import { ask } from "./ask.ts";
import { openWorld, type World } from "./cast.ts";
import { deskIn, deskObject, deskPath, outcome, type Pod, podObject, podPath } from "./desk.ts";
import { attempt, type Edit, edited, lowering } from "./edits.ts";
import { labels, nearlyOpen, spec, standingSpec, status, type User, users } from "./generators.ts";
import { applyPolicies, applyResources } from "./policies.ts";

// `core` and the policies decide the same, for random desks, patches and pods. A failure prints the case; to
// run it again, put the seed that is printed at the top of each test into `fixedSeed`.
const fixedSeed: number | undefined = undefined;
const lanes = 8;

/** The rule behind each message of the policies. */
const rules: readonly (readonly [RegExp, Refusal])[] = [
	[/^denied: a namespace has one TradingSafety/, "name"],
	[/^denied: a reset request cannot be created with/, "created-with-request"],
	[/^denied: create it in Pause/, "created-milder-than-pause"],
	[/^denied: two targets have the same selector/, "same-selector"],
	[/^denied: a raise would open target/, "gets-milder"],
	[/^denied: targetModes names no target/, "target-mode-without-target"],
	[/^denied: spec.setBy names who/, "set-by"],
	[/^denied: this patch raises and changes/, "raise-not-alone"],
	[/^denied: a lowering changes nothing else/, "lowering-not-alone"],
	[/^denied: changing the configuration \(/, "configure"],
	[/^denied: while halted, changing/, "configure-while-halted"],
	[/^denied: a reset request needs the verb/, "request-verb"],
	[/^denied: a reset request carries its author/, "request-author"],
	[/^denied: the request must name what it answers/, "request-answers"],
	[/^denied: only the approval of/, "approval"],
	[/^denied: lowering needs the verb/, "reset-verb"],
	[/^denied: lowering needs a fresh reason/, "fresh-reason"],
	[/^denied: a lowering carries its author/, "lowering-author"],
	[/^denied: the targetMode of .* is not lowered so/, "target-step"],
	[/^denied: \w+ is not lowered to/, "step"],
	[/^denied: ending the freeze leaves/, "unfreeze"],
	[/^denied: not cleared for generation/, "not-cleared"],
	[/^denied: cleared only down to/, "cleared-for-milder"],
	[/^denied: (this lowering is not what|this desk asks for approvals)/, "request-fits"],
	[/^denied: \d of \d approvals/, "approvals-missing"],
	[/^denied: remove the used request/, "request-kept"],
];

let world: World;
let people: ReadonlyMap<string, Client>;
test.before(async () => {
	const cluster = await ownCluster();
	await applyResources(cluster);
	world = await openWorld(cluster);
	people = new Map(
		await Promise.all(
			users.map(async ({ name, verbs }) => [name, await world.withVerbs(name, verbs)] as const),
		),
	);
});

test.serial("changes of desks, with and without mutating policies", async (t) => {
	// Given 250 desks from before the policies: in any state, also one that no patch could have made.
	const seed = seedOf(t);
	const anyhow = fc.tuple(fc.tuple(standingSpec, status), fourOf<Attempt>(attempt));
	const almost = fc.tuple(nearlyOpen, fourOf<Attempt>(lowering));
	const cases = fc.sample(fc.oneof(anyhow, almost), { seed, numRuns: 250 });
	const standing = await inLanes(cases, async ([[wanted, observed]], index) => {
		const namespace = `standing-${index}`;
		await world.admin.create("/api/v1/namespaces", { metadata: { name: namespace } });
		await world.admin.create(deskPath(namespace), deskObject(wanted));
		return deskIn(world, namespace).status(world.admin, observed);
	});
	for (const mutating of world.stamps ? [false, true] : [false]) {
		await applyPolicies(world, { mutating });
		// When random people change them in random ways, by dry run.
		const seen = new Map<string, number>();
		await inLanes(standing, async (before, index) => {
			const mine = cases[index]?.[1].slice(mutating ? 0 : 2) ?? [];
			for (const { user, edits } of mine) {
				const asked = plain(edits.reduce((spec, edit) => edited(spec, edit, user.name), before.spec));
				const sent = [{ op: "replace", path: "/spec", value: asked }];
				const path = deskIn(world, before.metadata.namespace ?? "").path;
				const said = await outcome(client(user).patch(path, sent, { type: "json", dryRun: true }));
				// Then core decides the same, and names the rule that the API server names.
				const after = { ...specDefaults, ...asked };
				const left = mutating ? stamped(before.spec, after, user.name) : after;
				const refusals = judgeChange(before, left, callerOf(user));
				same(t, said, refusals, {
					seed,
					mutating,
					user,
					edits,
					asked,
					spec: before.spec,
					status: before.status,
				});
				const lowered = rank(after.mode) < rank(before.spec.mode) ? "allowed lowering" : "allowed otherwise";
				count(seen, ruleOf(said) ?? lowered);
			}
		});
		show(t, seen);
		t.true(seen.size >= 14, "many rules were met");
	}
});

test.serial("new desks", async (t) => {
	// Given a namespace without a desk, and all policies.
	const seed = seedOf(t);
	await applyPolicies(world, { mutating: world.stamps });
	const namespace = await newNamespace("create", { cluster: world.cluster });
	const names = fc.constantFrom("desk", "desk", "desk", "desk", "other");
	const cases = fc.sample(fc.tuple(names, spec, fc.constantFrom(...users)), { seed, numRuns: 300 });
	const seen = new Map<string, number>();
	await inLanes(cases, async ([name, asked, user]) => {
		// When random people create random desks, by dry run.
		const created = client(user).create(deskPath(namespace), deskObject(asked, name), { dryRun: "All" });
		const said = await outcome(created);
		// Then core decides the same.
		const whole = { ...specDefaults, ...plain(asked) };
		const left = world.stamps ? stamped(undefined, whole, user.name) : whole;
		same(t, said, judgeCreate(name, left, callerOf(user)), { seed, name, asked, user });
		count(seen, ruleOf(said) ?? said);
	});
	show(t, seen);
	t.true(seen.size >= 4, "several rules were met");
});

test.serial("new pods", async (t) => {
	// Given 170 desks of random spec and status, one after the other in namespaces of each kind, and all policies.
	const seed = seedOf(t);
	await applyPolicies(world, { mutating: world.stamps });
	const desks = fc.sample(fc.tuple(spec, status, fc.array(labels, { minLength: 6, maxLength: 6 })), {
		seed,
		numRuns: 170,
	});
	const namespaces = await Promise.all(
		Array.from({ length: lanes }, async (_, lane) => {
			const values = [...enforceValues, observeValue];
			const enforced = { [enforceLabel]: values[lane % values.length] ?? "targets" };
			return { enforced, name: await newNamespace("pods", { labels: enforced, cluster: world.cluster }) };
		}),
	);
	const seen = new Map<string, number>();
	await inLanes(desks, async ([wanted, observed, pods], _index, lane) => {
		const { name, enforced } = namespaces[lane] ?? { name: "", enforced: {} };
		const { resetRequest: _none, setBy: _nobody, targetModes, targets: drawn, ...rest } = plain(wanted);
		const targets = distinct(drawn);
		const known = Object.entries(targetModes ?? {}).filter(([key]) => targets.some((t) => t.name === key));
		const valid = { ...rest, targets, targetModes: Object.fromEntries(known) };
		const desk = deskIn(world, name);
		await outcome(world.admin.delete(desk.path));
		await world.admin.create(deskPath(name), deskObject(valid));
		await desk.status(world.admin, observed);
		// A generation after the status: the fence that shows it has seen the status too.
		await desk.patch(world.admin, { trip: { id: "seen" } });
		await desk.seen();
		const view = await desk.read();
		for (const pod of pods) {
			// When pods with random labels are created, by dry run.
			const { said, warnings, object } = await ask<Pod>(world.admin, {
				method: "POST",
				path: podPath(name),
				body: podObject(pod),
			});
			// Then core decides the same, blames the same target, and knows the mode that the pod is told.
			const verdict = judgePod(view, pod, enforced, world.stamps);
			const facts = () =>
				JSON.stringify({ seed, said, warnings, verdict, pod, enforced, view }, undefined, 1);
			t.is(verdict.allowed, said === "allowed", facts());
			const denial = verdict.allowed ? verdict.warned : verdict;
			const blamed = denial?.target === undefined ? "this namespace is strict" : `target ${denial.target} of`;
			const mode = bootMode(view, pod, enforced);
			const told = world.stamps ? mode : undefined;
			if (verdict.allowed) {
				t.is(object.metadata.annotations?.[bootModeAnnotation], told, facts());
				t.is(warnings.length, denial === undefined ? 0 : 1, facts());
			}
			if (denial !== undefined)
				t.true((verdict.allowed ? (warnings[0] ?? "") : said).includes(blamed), facts());
			const outcomes = verdict.allowed
				? denial === undefined
					? `allowed in ${mode}`
					: "warned"
				: verdict.why;
			count(seen, outcomes);
		}
	});
	show(t, seen);
	t.true(seen.size >= 7, "each verdict was met");
});

type Attempt = { readonly user: User; readonly edits: readonly Edit[] };

function fourOf<T>(item: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> {
	return fc.array(item, { minLength: 4, maxLength: 4 });
}

function same(t: ExecutionContext, said: string, refusals: readonly Refusal[], facts: object): void {
	const rule = ruleOf(said);
	const agree = rule === undefined ? said === "allowed" && refusals.length === 0 : refusals.includes(rule);
	t.true(agree, agree ? "" : JSON.stringify({ said, refusals, ...facts }, undefined, 1));
}

/** As it is read from JSON: fast-check makes objects without prototype, which compare as different. */
function plain<T>(value: T): T {
	return JSON.parse(JSON.stringify(value));
}

function ruleOf(said: string): Refusal | undefined {
	return rules.find(([pattern]) => pattern.test(said))?.[1];
}

function callerOf({ name, verbs }: User) {
	return { name, can: (verb: (typeof verbs)[number]) => verbs.includes(verb) };
}

function client({ name }: User): Client {
	const found = people.get(name);
	if (found === undefined) throw new Error(`no client of ${name}`);
	return found;
}

/** Two targets of one selector cannot be made: the later goes. */
function distinct(targets: TradingSafetySpec["targets"] = []): NonNullable<TradingSafetySpec["targets"]> {
	return targets.filter(
		({ selector }, index) =>
			!targets.slice(0, index).some((earlier) => isDeepStrictEqual(earlier.selector, selector)),
	);
}

function seedOf(t: ExecutionContext): number {
	const seed = fixedSeed ?? Math.floor(Math.random() * 2 ** 31);
	t.log(`seed ${seed}`);
	return seed;
}

/** Does something with each item, as many at a time as there are lanes; answers are in the order of the items. */
async function inLanes<T, R>(
	items: readonly T[],
	work: (item: T, index: number, lane: number) => Promise<R>,
): Promise<readonly R[]> {
	const results: R[] = [];
	const waiting = items.entries();
	await Promise.all(
		Array.from({ length: lanes }, async (_, lane) => {
			for (const [index, item] of waiting) results[index] = await work(item, index, lane);
		}),
	);
	return results;
}

function count(seen: Map<string, number>, what: string): void {
	seen.set(what, (seen.get(what) ?? 0) + 1);
}

function show(t: ExecutionContext, seen: ReadonlyMap<string, number>): void {
	const total = [...seen.values()].reduce((a, b) => a + b, 0);
	const rows = [...seen].sort(([, a], [, b]) => b - a).map(([what, times]) => `${what} ${times}`);
	t.log(`${total} verdicts: ${rows.join(", ")}`);
}

import test from "ava";
import { type Mode, modes } from "../../crds/vocabulary.ts";
import { openWorld, type Person, type World } from "./cast.ts";
import { newDesk, outcome, type Sent } from "./desk.ts";

/** Who may lower in one step, written out; all other ways down are closed to everyone. */
const stepsDown: Readonly<Record<Mode, readonly Mode[]>> = {
	Normal: [],
	Pause: ["Normal"],
	Reduce: ["Pause", "Normal"],
	Emergency: ["Pause"],
};
const steps = "Allowed steps: Emergency -> Pause -> Normal, Reduce -> Pause or Normal, Pause -> Normal";
const noReset = "denied: lowering needs the verb reset (ClusterRole tradingsafety-resetter)";
const everyone: readonly Person[] = ["vic", "ray", "rob", "ann", "cfg", "lea", "ovo"];
const whoLowers: readonly Person[] = ["rob", "lea", "ovo"];

let world: World;
test.before(async () => {
	world = await openWorld();
});

/** A lowering carries its author, which a policy that stamps would add. */
const isLower = (to: Mode, from: Mode) => modes.indexOf(to) < modes.indexOf(from);

/** What the API server should say to a person who moves something from one mode to another. */
function expected(person: Person, from: Mode, to: Mode, noStep: string): string {
	if (person === "vic") return 'cannot patch resource "tradingsafeties"';
	if (!isLower(to, from)) return "allowed";
	if (!whoLowers.includes(person)) return noReset;
	return stepsDown[from].includes(to) ? "allowed" : `denied: ${noStep}. ${steps}`;
}

for (const from of modes) {
	test(`from ${from} to each mode, by each person`, async (t) => {
		// Given a desk that nothing holds.
		const desk = await newDesk(world, { mode: from });
		await desk.clear();
		for (const to of modes) {
			for (const person of everyone) {
				// When somebody asks for a mode, with a fresh reason.
				const patch = { mode: to, reason: "fresh", ...(isLower(to, from) && { setBy: person }) };
				const said = await outcome(desk.patch(world.as(person), patch, true));
				// Then raising is for all who may patch, lowering for those who may reset, step by step.
				const wanted = expected(person, from, to, `${from} is not lowered to ${to} in one step`);
				t.true(said.includes(wanted), `${person} ${from} -> ${to}: ${said}`);
			}
		}
	});

	test(`a target's own mode from ${from} to each mode, by each person`, async (t) => {
		// Given a desk in Normal with one target in a mode of its own, that nothing holds.
		const desk = await newDesk(world, { mode: "Normal", targetModes: { bots: from } });
		await desk.clear();
		for (const to of [...modes, null]) {
			for (const person of everyone) {
				// When somebody sets it, or takes it away, which is Normal.
				const signed = isLower(to ?? "Normal", from) && { setBy: person };
				const patch = { targetModes: { bots: to }, reason: "fresh", ...signed };
				const said = await outcome(desk.patch(world.as(person), patch, true));
				// Then the rules are those of the mode.
				const noStep = "the targetMode of bots is not lowered so in one step";
				const wanted = expected(person, from, to ?? "Normal", noStep);
				t.true(said.includes(wanted), `${person} ${from} -> ${to}: ${said}`);
			}
		}
	});

	test(`freeze on and off in ${from}, by each person`, async (t) => {
		// Given a desk that is not frozen, and one that is; nothing holds either.
		const open = await newDesk(world, { mode: from });
		const frozen = await newDesk(world, { mode: from, freeze: true });
		await frozen.clear();
		for (const person of everyone) {
			// When somebody freezes the one and thaws the other.
			const on = await outcome(open.patch(world.as(person), { freeze: true }, true));
			const thaw = { freeze: false, reason: "fresh", setBy: person };
			const off = await outcome(frozen.patch(world.as(person), thaw, true));
			// Then all who may patch freeze, and those who may reset thaw, but never into Normal.
			const denied = 'cannot patch resource "tradingsafeties"';
			t.true(on.includes(person === "vic" ? denied : "allowed"), `${person}: ${on}`);
			const thawed =
				person === "vic"
					? denied
					: !whoLowers.includes(person)
						? noReset
						: from === "Normal"
							? "denied: ending the freeze leaves the mode as it is, and that is Pause or more severe: raise to Pause first"
							: "allowed";
			t.true(off.includes(thawed), `${person}: ${off}`);
		}
	});

	test(`without a clearance ${from} is lowered by override alone`, async (t) => {
		// Given a desk that was cleared, and moved since, with one target and the freeze beside the mode.
		const desk = await newDesk(world, { mode: from, freeze: true, targetModes: { strat: "Emergency" } });
		await desk.clear();
		await desk.patch(world.as("ray"), { trip: { id: "again" } });
		const { metadata } = await desk.read();
		const lowerings: Sent[] = [
			...stepsDown[from].map((to) => ({ mode: to })),
			{ targetModes: { strat: "Pause" } },
			...(from === "Normal" ? [] : [{ freeze: false }]),
		];
		for (const lowering of lowerings) {
			// When it is lowered by one who may reset, and by one who may override.
			const patch = { ...lowering, reason: "fresh" };
			const byReset = await outcome(desk.patch(world.as("rob"), { ...patch, setBy: "rob" }, true));
			const byOverride = await outcome(desk.patch(world.as("ovo"), { ...patch, setBy: "ovo" }, true));
			// Then the first hears which generation lacks a clearance, and where to look.
			const where = "see status.holds and status.conditions";
			t.is(byReset, `denied: not cleared for generation ${metadata.generation}: ${where}`);
			t.is(byOverride, "allowed");
		}
	});
}

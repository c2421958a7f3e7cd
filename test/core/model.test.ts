import test from "ava";
import fc from "fast-check";
import { type History, histories, play } from "./world/history.ts";
import { lowerToNormal, settle } from "./world/settle.ts";

const runs = Number(process.env.TRADINGSAFETY_MODEL_RUNS ?? 300);
const seed = process.env.TRADINGSAFETY_MODEL_SEED;
const settings = {
	numRuns: runs,
	includeErrorInReport: true,
	...(seed !== undefined && { seed: Number(seed) }),
};

const holdsFor = (property: (history: History) => readonly string[]) =>
	fc.assert(
		fc.property(histories, (history) => {
			const breaches = property(history);
			if (breaches.length > 0) throw new Error([...new Set(breaches)].join("\n"));
		}),
		settings,
	);

test("whatever happened, the desk comes to rest as the API server says it must", (t) => {
	holdsFor((history) => {
		// Given a history of raises, lowerings, crashes and late news
		const stage = play(history);
		// When everybody has caught up
		settle(stage);
		// Then nothing runs that must not, and nothing was said that was not so
		return stage.world.breaches;
	});
	t.pass();
});

test("whatever happened, lowering step by step brings everything back as it was", (t) => {
	holdsFor((history) => {
		const stage = play(history);
		lowerToNormal(stage);
		return stage.world.breaches;
	});
	t.pass();
});

import test from "ava";
import { pino } from "pino";
import { KubeError } from "../../kube/error.ts";
import { createMetrics } from "../../sidecar/metrics.ts";
import { Rehearsal, type RehearsalOptions } from "../../sidecar/rehearsal.ts";
import { deskOf } from "../core/desk.ts";
import { pinOf } from "./world.ts";

const refused = new KubeError("FORBIDDEN", "no");
const unanswered = new KubeError("TIMEOUT", "no answer");

/** A desk whose API server answers so, the last for ever. */
function startWorld() {
	const desk = deskOf({ mode: "Normal", estop: { devices: [pinOf("P")] } });
	let answers: (KubeError | undefined)[] = [];
	let isReached = true;
	const rehearsal = new Rehearsal({
		client: {
			patch: async () => {
				const answer = answers.length > 1 ? answers.shift() : answers[0];
				if (answer !== undefined) throw answer;
			},
		} as unknown as RehearsalOptions["client"],
		clock: { now: () => "2030-01-01T00:00:00Z" },
		log: pino({ level: "silent" }),
		metrics: createMetrics(),
		desks: { all: () => new Map([["a", desk]]), isReached: () => isReached },
	});
	return {
		rehearsal,
		/** What is known after a rehearsal that is answered so. */
		after: async (...given: (KubeError | undefined)[]) => {
			answers = given;
			await rehearsal.rehearse();
			return rehearsal.refusalOf("a");
		},
		reached: (next: boolean) => {
			isReached = next;
		},
	};
}

test("a raise that is refused twice would be refused, until it is let through", async (t) => {
	const { after } = startWorld();
	t.is(await after(refused), "no");
	t.is(await after(undefined), undefined);
	// A server that answers all but this
	t.is(await after(unanswered), "no answer");
	t.is(await after(undefined), undefined);
});

test("what is refused or dropped once, as by an API server that restarts, is tried again before anybody is told", async (t) => {
	const { after } = startWorld();
	t.is(await after(refused, undefined), undefined);
	t.is(await after(new KubeError("CONNECTION", "reset"), undefined), undefined);
});

test("while nobody answers anything, nothing more is known of a raise", async (t) => {
	const { after, reached } = startWorld();
	reached(false);
	t.is(await after(unanswered), undefined);
	reached(true);
	t.is(await after(refused), "no");
	reached(false);
	t.is(await after(unanswered), "no");
});

test("once it is stopped it tells of nothing more", async (t) => {
	const { rehearsal, after } = startWorld();
	const known = after(refused);
	rehearsal.stop();
	t.is(await known, undefined);
});

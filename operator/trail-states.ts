import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import { messageOf } from "../audit/error.ts";
import type { Remembered } from "../core/memory.ts";
import { modes } from "../crds/vocabulary.ts";
import { OperatorError } from "./error.ts";

const deadlineMilliseconds = 5_000;

const stateSchema = Type.Object({
	entity: Type.Object({ type: Type.String(), id: Type.String(), uid: Type.String() }),
	time: Type.String(),
	after: Type.Object({
		generation: Type.Integer(),
		resourceVersion: Type.String(),
		values: Type.Record(Type.String(), Type.String()),
	}),
});
const answerSchema = Type.Object({
	states: Type.Array(Type.Unknown()),
	isCurrent: Type.Optional(Type.Boolean()),
});
const mode = Type.Enum([...modes]);
const ownModesSchema = Type.Record(Type.String(), mode);

/**
 * How each desk stood last as the trail tells it, by namespace: what a replica remembers that has nothing else. It can only make
 * a desk more severe. Throws `TRAIL` when the trail does not answer, or with something else, and while its store does not: a lowering
 * may be in there that it has not seen, and its desk would be raised. A desk that was quiet for very long may be missing.
 */
export async function askTrail(url: string): Promise<ReadonlyMap<string, Remembered>> {
	const where = new URL("/states", url);
	try {
		const response = await fetch(where, { signal: AbortSignal.timeout(deadlineMilliseconds) });
		if (response.status !== 200) throw new Error(`it answers ${response.status}`);
		const body: unknown = await response.json();
		if (!Check(answerSchema, body)) throw new Error("its answer is not about states");
		if (body.isCurrent === false) throw new Error("its store does not answer: something later may be in it");
		const known = body.states.filter((one) => Check(stateSchema, one));
		return new Map(known.flatMap((one) => remembered(one) ?? []));
	} catch (cause) {
		const why = messageOf(cause);
		throw new OperatorError("TRAIL", `${where.href} does not say how desks stood last: ${why}`, { cause });
	}
}

/** Empty for what is about something else. */
function remembered({
	entity,
	after,
	time,
}: Static<typeof stateSchema>): readonly (readonly [string, Remembered])[] {
	const [, namespace] = /^([^/]+)\/desk$/.exec(entity.id) ?? [];
	const { mode: stood, freeze, enforcement, targetModes = "{}" } = after.values;
	if (entity.type !== "TradingSafety" || namespace === undefined || !Check(mode, stood)) return [];
	return [
		[
			namespace,
			{
				...{ uid: entity.uid, generation: after.generation, resourceVersion: after.resourceVersion },
				...{ mode: stood, freeze: freeze === "true", enforces: enforcement !== "Observe" },
				targetModes: ownModes(targetModes),
				recordedAt: {},
				time,
			},
		],
	];
}

/** None where the text was too long to be recorded whole. */
function ownModes(text: string): Remembered["targetModes"] {
	try {
		const value: unknown = JSON.parse(text);
		return Check(ownModesSchema, value) ? value : {};
	} catch {
		return {};
	}
}

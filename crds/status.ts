import { Type } from "typebox";
import { listBy, loose, mapOf, modeField, text, type ValueOf } from "./schema.ts";
import { actions, columns, signalStates } from "./vocabulary.ts";

const time = (description: string) =>
	Type.String({ maxLength: 64, description: `${description} (RFC 3339)` });
const generation = (description: string) => Type.Integer({ format: "int64", description });

/** A condition in the shape of `metav1.Condition`. */
export const conditionSchema = Type.Object(
	{
		type: text(64, "What it is about."),
		status: Type.Enum(["True", "False", "Unknown"], { description: "Unknown when it was not observed." }),
		observedGeneration: Type.Optional(generation("The generation it was observed at.")),
		lastTransitionTime: time("When status last changed"),
		reason: text(128, "One word for programs."),
		message: text(2048, "A sentence for people: what was observed, and when."),
	},
	{ description: "One observation." },
);

const hold = Type.Object(
	{
		name: text(256, "Identity of the hold, e.g. PodsLeft/bots; a request may acknowledge it by this name."),
		message: text(1024, "Why it stands and what ends it."),
	},
	{ description: "A fact that forbids lowering now." },
);

const targetStatus = Type.Object(
	{
		name: text(63, "Name of the target."),
		effective: Type.Optional(
			Type.Enum([...actions], { description: "The action in force, after preset, freeze and targetModes." }),
		),
		planned: Type.Optional(
			Type.Enum([...actions], {
				description: "Only while spec.enforcement is Observe: the action that Enforce would put in force.",
			}),
		),
		fencedAs: Type.Optional(
			Type.Enum([...columns], {
				description:
					"The most severe mode not yet released: new pods are judged by it too. Absent when nothing is held.",
			}),
		),
		startAllowed: Type.Optional(
			Type.Boolean({ description: "Start may create pods: the others are confirmed stopped." }),
		),
		signalled: Type.Optional(
			Type.Enum([...signalStates], {
				description:
					"Permits reach its pods, so that Signal is carried out as such. Keep: those that acknowledge go on, none is made. Absent: Signal is carried out as Stop.",
			}),
		),
		fencedSince: Type.Optional(time("When fencedAs was last raised")),
		due: Type.Optional(
			Type.Boolean({
				description:
					"In Emergency: the desk is flat, or the deadline over, and what was told or kept is stopped.",
			}),
		),
		recordedAt: Type.Optional(
			time(
				"Workloads of the stopped target made up to this time (by the API server) had their record: what has none lost it",
			),
		),
		pods: Type.Optional(Type.Integer({ description: "Pods of the target last seen." })),
		workloads: Type.Optional(Type.Integer({ description: "Workloads of the target last seen." })),
		unconfirmedCount: Type.Optional(Type.Integer({ description: "Pods that should be gone and are not." })),
		unconfirmed: Type.Optional(
			Type.Array(text(320, "Pod, with its node where known."), {
				maxItems: 50,
				description: "The first 50 of them, by name.",
			}),
		),
	},
	{ description: "What is known of one target." },
);

const tripSeen = loose(
	{
		id: Type.Optional(text(128, "spec.trip.id, where there was one.")),
		type: Type.Optional(text(64, "Kind of trip.")),
		source: Type.Optional(text(256, "Who or what tripped.")),
		by: Type.Optional(text(256, "User name that wrote it.")),
		reason: Type.Optional(text(1024, "spec.reason at that time.")),
		mode: Type.Optional(modeField("The mode it asked for.")),
		time: Type.Optional(time("When a replica saw it")),
		generation: Type.Optional(generation("The generation that carried it.")),
		observed: Type.Optional(
			Type.Boolean({ description: "The desk only observed at that time: nothing was stopped." }),
		),
	},
	"The last trip seen.",
);

const liquidator = Type.Object(
	{
		uid: text(64, "UID of the pod."),
		name: text(253, "Name of the pod."),
		since: time("When it was named"),
		after: Type.Optional(text(253, "The pod before it: its last permit runs out first.")),
	},
	{ description: "The one pod whose permits let it close positions in Reduce and Emergency." },
);

const historyRow = Type.Object(
	{
		generation: generation("The generation in which it was seen."),
		from: text(
			64,
			"What stood before: a mode, with +Freeze when frozen and +Observe where nothing is enforced.",
		),
		to: text(64, "What stands since."),
		reason: Type.Optional(text(1024, "spec.reason.")),
		actor: Type.Optional(text(256, "spec.setBy; absent when unknown.")),
		time: time("When a replica saw it"),
		override: Type.Optional(
			Type.Boolean({ description: "Lowered without a clearance, or a halt no longer enforced." }),
		),
		gap: Type.Optional(
			Type.Boolean({ description: "Generations before this one were not seen; steps may be missing." }),
		),
	},
	{ description: "One change of mode." },
);

const contest = Type.Object(
	{
		kind: text(63, "Kind of the workload."),
		name: text(253, "Name of the workload."),
		target: text(63, "The stopped target it belongs to."),
		manager: text(128, "Who did it, by managedFields: a hint and no proof."),
		times: Type.Integer({ description: "How often one replica saw it, rounded down to a power of two." }),
		since: time("When it was first seen"),
		last: time("When it was last seen"),
	},
	{ description: "Somebody who let a stopped workload grow again; it was stopped again each time." },
);

const lastTransition = loose(
	{
		generation: Type.Optional(generation("The generation that asked for it.")),
		from: Type.Optional(text(64, "What stood before.")),
		to: Type.Optional(text(64, "What was asked for.")),
		observedAt: Type.Optional(time("When the first replica saw it")),
		fencedAt: Type.Optional(time("When the fence was seen to deny at this generation")),
		toldAt: Type.Optional(time("When every pod to stop had been told")),
		enforcedAt: Type.Optional(time("When every owner stood at zero as well")),
		confirmedAt: Type.Optional(time("When nothing of it was left")),
		flatAt: Type.Optional(time("In Emergency: when every series of spec.flat was seen at zero")),
		ordersCancelledAt: Type.Optional(
			time("In Emergency: when every series of spec.ordersCancelled was seen at zero"),
		),
		restoredAt: Type.Optional(time("When every released target was open again")),
	},
	"The last transition, with the time of each stage.",
);

const regressed = loose(
	{
		at: Type.Optional(time("When a replica found it")),
		generation: Type.Optional(
			generation("The generation at which it was found: a lowering after it ends the hold."),
		),
		remembered: Type.Optional(text(256, "What a replica remembered.")),
		found: Type.Optional(text(256, "What it found instead.")),
	},
	"History went back to something milder (the store was restored, or the object made anew): HistoryRegressed holds until a lowering that acknowledges it.",
);

const record = loose(
	{
		at: Type.Optional(time("When the leader said so")),
		state: Type.Optional(
			Type.Enum(["Current", "Behind", "Failing"], {
				description: "Current: all is in the store. Behind: on the disk. Failing: not even that.",
			}),
		),
		generation: Type.Optional(generation("The last generation whose change is in the store.")),
	},
	"How the record of what happened stands.",
);

/** `status` of a TradingSafety: only what was observed. */
export const statusSchema = loose(
	{
		observedGeneration: Type.Optional(generation("The generation this status speaks of.")),
		observedAt: Type.Optional(time("When a replica last looked; older than a minute means unknown")),
		modeInForce: Type.Optional(
			text(
				64,
				"The mode that is confirmed to be in force; +Freeze when frozen. Observe: none is, the desk only observes.",
			),
		),
		wasNormal: Type.Optional(
			Type.Boolean({
				description: "The desk was Normal once: from then on configuring in Pause is an override.",
			}),
		),
		clearance: Type.Optional(
			loose(
				{
					generation: Type.Optional(generation("The one generation it is good for.")),
					toMode: Type.Optional(modeField("The mildest mode it is good for.")),
					time: Type.Optional(time("When it was given")),
				},
				"The leader's statement that no hold stands.",
			),
		),
		regressed: Type.Optional(regressed),
		record: Type.Optional(record),
		holds: Type.Optional(listBy("name", hold, 64, "What forbids lowering now.")),
		trips: Type.Optional(
			loose(
				{
					total: Type.Optional(Type.Integer({ description: "Trips seen." })),
					byType: Type.Optional(mapOf(Type.Integer({ description: "Count." }), 64, "Trips seen, by type.")),
					last: Type.Optional(tripSeen),
				},
				"Events that raised.",
			),
		),
		targets: Type.Optional(listBy("name", targetStatus, 64, "What is known of each target.")),
		notRestored: Type.Optional(
			Type.Array(
				Type.Object(
					{
						kind: text(63, "Kind."),
						name: text(253, "Name."),
						reason: text(256, "Why it does not come back by itself."),
					},
					{ description: "Something that was stopped and is not restored." },
				),
				{ maxItems: 50, description: "What was stopped and will not come back by itself, up to 50." },
			),
		),
		contests: Type.Optional(
			Type.Array(contest, { maxItems: 20, description: "Who lets stopped workloads grow again, up to 20." }),
		),
		liquidator: Type.Optional(liquidator),
		lastTransition: Type.Optional(lastTransition),
		history: Type.Optional(
			Type.Array(historyRow, { maxItems: 20, description: "The last 20 changes of mode, oldest first." }),
		),
		conditions: Type.Optional(listBy("type", conditionSchema, 32, "Observations.")),
	},
	"What was observed.",
);

/** `status` as read from the API server. */
export type TradingSafetyStatus = ValueOf<typeof statusSchema>;
/** An element of `status.conditions`. */
export type Condition = ValueOf<typeof conditionSchema>;
/** An element of `status.holds`. */
export type Hold = ValueOf<typeof hold>;
/** An element of `status.targets`. */
export type TargetStatus = ValueOf<typeof targetStatus>;
/** An element of `status.history`. */
export type HistoryRow = ValueOf<typeof historyRow>;
/** `status.liquidator`. */
export type LiquidatorRow = ValueOf<typeof liquidator>;
/** `status.lastTransition`. */
export type Transition = ValueOf<typeof lastTransition>;
/** An element of `status.contests`. */
export type ContestRow = NonNullable<TradingSafetyStatus["contests"]>[number];
/** An element of `status.notRestored`. */
export type NotRestored = NonNullable<TradingSafetyStatus["notRestored"]>[number];

import { type TProperties, Type } from "typebox";
import { defaultDeadlineSeconds, presetNames } from "./presets.ts";
import { listBy, loose, mapOf, modeField, text, type ValueOf } from "./schema.ts";
import { actions, enforcements } from "./vocabulary.ts";

/** How many characters of a user name are kept. */
export const nameLength = 256;

/** What holds where `targets[].signal` says nothing. */
export const signalDefaults = {
	path: "/permit",
	ttlSeconds: 5,
	ackMilliseconds: 250,
	onNoAck: "Stop",
} as const;

/** What holds where `reduce` says nothing. */
export const reduceDefaults = { overSeconds: 300, stopTightenPercent: 50 } as const;

const name = (description: string) => Type.String({ minLength: 1, maxLength: 63, description });

const selectorRequirement = Type.Object(
	{
		key: Type.String({ minLength: 1, maxLength: 317, description: "Label key." }),
		operator: Type.Enum(["In", "NotIn", "Exists", "DoesNotExist"], {
			description: "How key and values relate.",
		}),
		values: Type.Optional(
			Type.Array(text(63, "One label value."), { maxItems: 16, description: "Values of In and NotIn." }),
		),
	},
	{
		description: "One condition on the labels of a pod.",
		"x-kubernetes-validations": [
			{
				rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
				message: "In and NotIn need values, Exists and DoesNotExist take none",
			},
		],
	},
);

/** Label selector over pod labels. Unlike that of Kubernetes, an empty one selects nothing and is refused. */
export const selectorSchema = loose(
	{
		matchLabels: Type.Optional(mapOf(text(63, "Label value."), 8, "Labels that a pod must all carry.")),
		matchExpressions: Type.Optional(
			Type.Array(selectorRequirement, { maxItems: 8, description: "Conditions that must all hold." }),
		),
	},
	"Which pods, by their labels; a workload belongs to the target when its pod template matches.",
	{
		"x-kubernetes-validations": [
			{
				rule: "(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)",
				message: "an empty selector selects nothing: name at least one label",
			},
		],
	},
);

const action = <M extends TProperties>(mode: string, more: M) =>
	Type.Optional(
		Type.Object(
			{
				...more,
				action: Type.Enum([...actions], {
					description:
						"Run, Keep, Signal, Start or Stop. Signal is carried out as Stop where permits do not reach every pod (status.targets[].signalled).",
				}),
				gracePeriodSeconds: Type.Optional(
					Type.Integer({
						minimum: 2,
						maximum: 300,
						description:
							"Seconds between SIGTERM and SIGKILL when stopping. Default: 2 in Emergency, the pod's own otherwise. A kubelet never gives less than 2.",
					}),
				),
				replicas: Type.Optional(
					Type.Integer({ minimum: 1, maximum: 100, description: "Replicas that Start asks for. Default 1." }),
				),
			},
			{ description: `What ${mode} does to this target; overrides the preset.` },
		),
	);

const afterSignal = Type.Object(
	{
		deadlineSeconds: Type.Optional(
			Type.Integer({
				minimum: 1,
				maximum: 3600,
				description: `Seconds after Emergency was asked for; then the pods are stopped. Default ${defaultDeadlineSeconds}.`,
			}),
		),
	},
	{ description: "When Stop follows Signal." },
);

const signal = Type.Object(
	{
		http: Type.Object(
			{
				port: Type.Integer({ minimum: 1, maximum: 65_535, description: "Port of the pod." }),
				path: Type.Optional(
					Type.String({
						maxLength: 256,
						pattern: "^/[^?#\\s]*$",
						description: `Path of the gate. Default ${signalDefaults.path}.`,
					}),
				),
			},
			{ description: "Where each pod takes permits, by POST." },
		),
		ttlSeconds: Type.Optional(
			Type.Integer({
				minimum: 1,
				maximum: 60,
				description: `How long a permit lives; bots pause when nothing renews it. Default ${signalDefaults.ttlSeconds}.`,
			}),
		),
		ackMilliseconds: Type.Optional(
			Type.Integer({
				minimum: 50,
				maximum: 5000,
				description: `How long to wait for an answer before asking again; three are asked for in vain at most. Default ${signalDefaults.ackMilliseconds}.`,
			}),
		),
		onNoAck: Type.Optional(
			Type.Enum(["Stop", "Report"], {
				description: `What happens to a pod that does not acknowledge a raise. Default ${signalDefaults.onNoAck}.`,
			}),
		),
	},
	{
		description:
			"How pods of this target are told what they may do. Without it Signal is carried out as Stop.",
	},
);

/** One group of workloads and what each mode does to it. */
export const targetSchema = Type.Object(
	{
		name: name("Name of the target, unique in this object."),
		preset: Type.Optional(
			Type.Enum([...presetNames], {
				description: "The action table to start from. Required unless all three actions are given.",
			}),
		),
		selector: selectorSchema,
		onPause: action("Pause", {}),
		onReduce: action("Reduce", {}),
		onEmergency: action("Emergency", { stop: Type.Optional(afterSignal) }),
		signal: Type.Optional(signal),
	},
	{
		description: "A group of workloads and what each mode does to it.",
		"x-kubernetes-validations": [
			{
				rule: "has(self.preset) || (has(self.onPause) && has(self.onReduce) && has(self.onEmergency))",
				message:
					"name a preset (Bot, Strategy, Gateway, Risk, Liquidator) or give onPause, onReduce and onEmergency",
			},
		],
	},
);

const trip = loose(
	{
		id: Type.Optional(text(128, "Identity of this press or rule; each writes a new one, even in a halt.")),
		source: Type.Optional(
			text(256, "Who or what tripped, e.g. the serial of a button or the name of a rule."),
		),
		at: Type.Optional(text(64, "When, by the clock of the one who raised (RFC 3339). Not trusted.")),
		type: Type.Optional(text(64, "Kind of trip, e.g. Manual, DailyLoss, Button.")),
		detail: Type.Optional(
			mapOf(text(256, "One value."), 8, "Up to 8 strings of detail, such as loss and limit."),
		),
	},
	"The event that raised. Nothing in it is required: nothing may stand in the way of a raise.",
);

const resetRequest = loose(
	{
		fromMode: Type.Optional(
			modeField("The mode it was asked against; a raise since then voids the request."),
		),
		tripId: Type.Optional(text(128, "spec.trip.id when it was asked; a trip since then voids the request.")),
		toMode: Type.Optional(modeField("The mode asked for. Absent: the mode stays.")),
		unfreeze: Type.Optional(Type.Boolean({ description: "Also asks to end the freeze." })),
		targets: Type.Optional(
			Type.Array(text(63, "Name of a target."), {
				maxItems: 32,
				description: "Targets whose own mode (targetModes) may be lowered.",
			}),
		),
		reason: Type.Optional(text(1024, "Why it is safe to lower; the lowering must carry the same reason.")),
		requestedBy: Type.Optional(text(nameLength, "Its author; must be the true user name.")),
		acknowledgedHolds: Type.Optional(
			Type.Array(text(256, "Name of a hold as in status.holds."), {
				maxItems: 50,
				description: "Holds that the author, and each approver with them, takes responsibility for.",
			}),
		),
		approvals: Type.Optional(
			mapOf(
				loose({ note: Type.Optional(text(256, "Remark of the approver.")) }, "One person's approval."),
				8,
				"By user name. Each person may add only their own, never to their own request.",
			),
		),
	},
	"Asks for a lowering. Any change to it but an added approval empties the approvals; any raise may remove it.",
);

/** Fields of spec that a person with no more than the right to patch may write: what raises, and a request. */
export const freeFields = [
	"mode",
	"reason",
	"setBy",
	"freeze",
	"trip",
	"targetModes",
	"resetRequest",
] as const;

/** `spec` of a TradingSafety. No rule and nothing required at this level: both would refuse raises. */
export const specSchema = loose(
	{
		mode: Type.Optional(
			modeField("The mode wanted. Raise it with one patch; lower it with authority, reason and clearance."),
		),
		reason: Type.Optional(text(1024, "Why the mode was set. Required fresh to lower, never to raise.")),
		setBy: Type.Optional(
			text(
				nameLength,
				"User name of whoever moved the mode or enforcement last: set by admission, or where no policy can, by the patch; a raise may leave it as it was.",
			),
		),
		freeze: Type.Optional(
			Type.Boolean({ description: "Beside the modes and above them: everything stops but risk monitoring." }),
		),
		trip: Type.Optional(trip),
		targetModes: Type.Optional(
			mapOf(
				modeField("Mode of this target alone."),
				32,
				"Raises single targets, by name; joined with mode by the more severe.",
			),
		),
		targets: Type.Optional(
			listBy("name", targetSchema, 32, "What this desk consists of, in the order of a restore."),
		),
		enforcement: Type.Optional(
			Type.Enum([...enforcements], {
				description:
					"Observe: everything is planned into status and nothing is touched, stopped, denied or restored. Enforce otherwise.",
			}),
		),
		reduce: Type.Optional(
			loose(
				{
					overSeconds: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 86_400,
							description: `Seconds over which bots bring their positions to zero. Default ${reduceDefaults.overSeconds}.`,
						}),
					),
					stopTightenPercent: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 100,
							description: `By which share of their distance bots bring stops nearer. Default ${reduceDefaults.stopTightenPercent}.`,
						}),
					),
				},
				"What Reduce tells bots to do.",
			),
		),
		reset: Type.Optional(
			loose(
				{
					approvals: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 8,
							description: "How many people besides the author must approve a lowering.",
						}),
					),
					cooldownSeconds: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 604_800,
							description: "Seconds after the last raise or trip before a lowering is cleared.",
						}),
					),
				},
				"What a lowering needs besides authority, a fresh reason and clearance.",
			),
		),
		resetRequest: Type.Optional(resetRequest),
	},
	"What is wanted.",
);

/** Defaults that the API server fills in, by path. Kept apart so that the TypeScript types stay honest. */
export const specDefaults = { mode: "Pause", freeze: false, enforcement: "Enforce" } as const;

/** `spec` as read from the API server. */
export type TradingSafetySpec = ValueOf<typeof specSchema>;
/** An element of `spec.targets`. */
export type TargetSpec = ValueOf<typeof targetSchema>;
/** A label selector as {@link selectorSchema}. */
export type PodSelector = ValueOf<typeof selectorSchema>;
/** `spec.resetRequest`. */
export type ResetRequest = ValueOf<typeof resetRequest>;

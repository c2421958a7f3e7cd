import { type TProperties, Type } from "typebox";
import { signalDefaults } from "./defaults.ts";
import { defaultDeadlineSeconds, presetNames } from "./presets.ts";
import { loose, mapOf, text, type ValueOf } from "./schema.ts";
import { actions } from "./vocabulary.ts";

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
				description: `Seconds after Emergency was asked for; then the pods are stopped, earlier when spec.flat is seen to be so. Default ${defaultDeadlineSeconds}.`,
			}),
		),
	},
	{ description: "When Stop follows Signal or Keep: with it Keep is not for ever." },
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

/** An element of `spec.targets`. */
export type TargetSpec = ValueOf<typeof targetSchema>;
/** A label selector as {@link selectorSchema}. */
export type PodSelector = ValueOf<typeof selectorSchema>;

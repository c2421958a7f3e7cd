import { Type } from "typebox";
import { text, type ValueOf } from "./schema.ts";

/** `spec` of a RestoreRecord. Write-once. */
export const restoreRecordSpecSchema = Type.Object(
	{
		workload: Type.Object(
			{
				apiVersion: text(128, "API version of the workload."),
				kind: text(63, "Kind of the workload."),
				name: text(253, "Name of the workload."),
				uid: text(64, "UID of the workload; one that was deleted and made anew is another."),
			},
			{ description: "Whose record it is." },
		),
		replicas: Type.Integer({
			minimum: 0,
			description: "spec.replicas before the halt; 0 stays 0. 1 and 0 for kinds that only run or do not.",
		}),
		earlier: Type.Optional(
			text(256, "Value of the setting that the halt changed, of autoscalers. Absent: it was not set."),
		),
		target: text(63, "The target it was stopped for."),
		generation: Type.Integer({
			format: "int64",
			description: "Generation of the TradingSafety that stopped it.",
		}),
		recordedBy: text(256, "The replica that recorded it."),
	},
	{
		description: "What a workload looked like before it was stopped.",
		"x-kubernetes-validations": [{ rule: "self == oldSelf", message: "a restore record is written once" }],
	},
);

/** `spec` of a RestoreRecord as read from the API server. */
export type RestoreRecordSpec = ValueOf<typeof restoreRecordSpecSchema>;

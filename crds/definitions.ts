import { specDefaults } from "./defaults.ts";
import { restoreRecordSpecSchema } from "./restore-record.ts";
import { structural } from "./schema.ts";
import { specSchema } from "./spec.ts";
import { statusSchema } from "./status.ts";
import { apiGroup, apiVersion } from "./vocabulary.ts";

type Json = { readonly [key: string]: unknown };
type Schema = { properties: Record<string, Record<string, unknown>> } & Record<string, unknown>;

const condition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;

/** The CustomResourceDefinitions, as values ready to be rendered. */
export function customResourceDefinitions(): readonly Json[] {
	return [tradingSafety(), restoreRecord()];
}

/** The structural schema of `spec`, with its defaults. */
export function specOpenApi(): Schema {
	const spec = structural(specSchema) as Schema;
	for (const [name, value] of Object.entries(specDefaults)) {
		spec.properties[name] = { ...spec.properties[name], default: value };
	}
	return { ...spec, default: {} };
}

function tradingSafety(): Json {
	return definition({
		plural: "tradingsafeties",
		singular: "tradingsafety",
		kind: "TradingSafety",
		shortNames: ["tsafe"],
		description:
			"Governs the trading workloads of its namespace. Patch spec.mode upward to halt; always called desk.",
		properties: { spec: specOpenApi(), status: structural(statusSchema, "status") },
		subresources: { status: {} },
		columns: [
			{ name: "MODE", type: "string", jsonPath: ".spec.mode", description: "What is asked for." },
			{
				name: "IN FORCE",
				type: "string",
				jsonPath: ".status.modeInForce",
				description: "What is confirmed.",
			},
			{ name: "CONFIRMED", type: "string", jsonPath: condition("Confirmed", "status") },
			{ name: "ARMED", type: "string", jsonPath: condition("Armed", "status") },
			{ name: "SINCE", type: "date", jsonPath: ".status.lastTransition.observedAt" },
			{ name: "BY", type: "string", jsonPath: ".spec.setBy" },
			{ name: "REASON", type: "string", jsonPath: ".spec.reason" },
			{ name: "ENFORCEMENT", type: "string", jsonPath: ".spec.enforcement", priority: 1 },
			{ name: "FROZEN", type: "boolean", jsonPath: ".spec.freeze", priority: 1 },
			{ name: "CLEARED", type: "string", jsonPath: condition("Cleared", "status"), priority: 1 },
			{ name: "AUDIT", type: "string", jsonPath: condition("AuditCurrent", "status"), priority: 1 },
		],
	});
}

function restoreRecord(): Json {
	return definition({
		plural: "restorerecords",
		singular: "restorerecord",
		kind: "RestoreRecord",
		shortNames: ["tsrec"],
		description: "What one workload looked like before it was stopped; named by the workload's UID.",
		properties: { spec: structural(restoreRecordSpecSchema, "spec") },
		required: ["spec"],
		columns: [
			{ name: "KIND", type: "string", jsonPath: ".spec.workload.kind" },
			{ name: "WORKLOAD", type: "string", jsonPath: ".spec.workload.name" },
			{ name: "REPLICAS", type: "integer", jsonPath: ".spec.replicas" },
			{ name: "TARGET", type: "string", jsonPath: ".spec.target" },
			{ name: "AGE", type: "date", jsonPath: ".metadata.creationTimestamp" },
		],
	});
}

type Definition = {
	readonly plural: string;
	readonly singular: string;
	readonly kind: string;
	readonly shortNames: readonly string[];
	readonly description: string;
	readonly properties: Json;
	readonly required?: readonly string[];
	readonly subresources?: Json;
	readonly columns: readonly Json[];
};

function definition(d: Definition): Json {
	return {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name: `${d.plural}.${apiGroup}` },
		spec: {
			group: apiGroup,
			scope: "Namespaced",
			names: {
				kind: d.kind,
				listKind: `${d.kind}List`,
				plural: d.plural,
				singular: d.singular,
				shortNames: d.shortNames,
				categories: ["tradingsafety"],
			},
			versions: [
				{
					name: apiVersion,
					served: true,
					storage: true,
					...(d.subresources && { subresources: d.subresources }),
					additionalPrinterColumns: d.columns,
					schema: {
						openAPIV3Schema: {
							type: "object",
							description: d.description,
							...(d.required && { required: d.required }),
							properties: {
								apiVersion: { type: "string", description: "Version of the schema of this object." },
								kind: { type: "string", description: "Kind of this object." },
								metadata: { type: "object" },
								...d.properties,
							},
						},
					},
				},
			],
		},
	};
}

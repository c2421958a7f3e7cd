import { customResourceDefinitions } from "./definitions.ts";

type Schema = {
	readonly type?: string;
	readonly description?: string;
	readonly enum?: readonly string[];
	readonly default?: unknown;
	readonly minimum?: number;
	readonly maximum?: number;
	readonly maxLength?: number;
	readonly maxItems?: number;
	readonly maxProperties?: number;
	readonly required?: readonly string[];
	readonly properties?: Readonly<Record<string, Schema>>;
	readonly items?: Schema;
	readonly additionalProperties?: Schema;
};

type Definition = {
	readonly spec: {
		readonly names: { readonly kind: string };
		readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
	};
};

/** The API reference, in Markdown: every field of every kind, from the schemas that the API server enforces. */
export function apiReference(): string {
	const kinds = customResourceDefinitions() as unknown as readonly Definition[];
	const sections = kinds.map(({ spec }) => {
		const schema = spec.versions[0]?.schema.openAPIV3Schema ?? {};
		const rows = Object.entries(schema.properties ?? {})
			.filter(([name]) => name === "spec" || name === "status")
			.flatMap(([name, child]) => fields(name, child, false));
		return [
			`## ${spec.names.kind}`,
			schema.description ?? "",
			"",
			"| field | type | what it is |",
			"| --- | --- | --- |",
			...rows,
		].join("\n");
	});
	return `# API reference\n\nGroup \`tradingsafety.dev\`, version \`v1alpha1\`.\n\n${sections.join("\n\n")}\n`;
}

function fields(path: string, schema: Schema, required: boolean): readonly string[] {
	const description = (schema.description ?? "").replaceAll("|", "\\|");
	const rows = [`| \`${path}\` | ${typeOf(schema)}${required ? ", required" : ""} | ${description} |`];
	const below = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
		fields(`${path}.${name}`, child, schema.required?.includes(name) ?? false),
	);
	const items = schema.items === undefined ? [] : nested(`${path}[]`, schema.items);
	const values =
		schema.additionalProperties === undefined ? [] : nested(`${path}{}`, schema.additionalProperties);
	return [...rows, ...below, ...items, ...values];
}

/** Elements that are objects have fields of their own; others are told by the type of the list. */
function nested(path: string, schema: Schema): readonly string[] {
	return schema.properties === undefined ? [] : fields(path, schema, false);
}

function typeOf(schema: Schema): string {
	const limits = [
		schema.enum?.join(", "),
		schema.minimum !== undefined ? `at least ${schema.minimum}` : undefined,
		schema.maximum !== undefined ? `at most ${schema.maximum}` : undefined,
		schema.maxLength !== undefined ? `at most ${schema.maxLength} characters` : undefined,
		schema.maxItems !== undefined ? `at most ${schema.maxItems}` : undefined,
		schema.maxProperties !== undefined ? `at most ${schema.maxProperties}` : undefined,
		schema.default !== undefined && typeof schema.default !== "object"
			? `default ${schema.default}`
			: undefined,
	].filter((limit) => limit !== undefined);
	const kind = schema.items
		? `list of ${schema.items.type}`
		: schema.additionalProperties
			? `map to ${schema.additionalProperties.type}`
			: (schema.type ?? "any");
	return limits.length === 0 ? kind : `${kind} (${limits.join("; ")})`;
}

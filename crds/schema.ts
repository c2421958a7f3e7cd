import { type Static, type TProperties, type TSchema, Type } from "typebox";
import { modes } from "./vocabulary.ts";

/** One rule of `x-kubernetes-validations` (Kubernetes: CustomResourceDefinition validation rules). */
export type ValidationRule = { readonly rule: string; readonly message: string };

/** A mode as a field: an unknown word is refused here, and ranks as Emergency everywhere else. */
export const modeField = (description: string) => Type.Enum([...modes], { description });

/** A string of bounded length. */
export const text = (maxLength: number, description: string) => Type.String({ maxLength, description });

/** An object whose fields are all optional: a raise re-validates every ancestor of what it writes. */
export function loose<P extends TProperties>(
	properties: P,
	description: string,
	extra: Record<string, unknown> = {},
) {
	return Type.Object(properties, { ...extra, description });
}

/** A map with string keys. */
export function mapOf<V extends TSchema>(value: V, maxProperties: number, description: string) {
	return Type.Record(Type.String(), value, { maxProperties, description });
}

/** A list whose items are merged by `key` on server-side apply. */
export function listBy<I extends TSchema>(key: string, item: I, maxItems: number, description: string) {
	return Type.Array(item, {
		maxItems,
		description,
		"x-kubernetes-list-type": "map",
		"x-kubernetes-list-map-keys": [key],
	});
}

/** All nested properties of a type, read-only. */
export type Immutable<T> = T extends (infer I)[]
	? readonly Immutable<I>[]
	: T extends object
		? { readonly [K in keyof T]: Immutable<T[K]> }
		: T;

/** The read-only TypeScript type of a schema. */
export type ValueOf<S extends TSchema> = Immutable<Static<S>>;

type Json = { readonly [key: string]: unknown };

/**
 * Turns a TypeBox value into a structural OpenAPI v3 schema as CustomResourceDefinitions ask for: maps become
 * `additionalProperties`, enums get their type. Throws when a field has no description.
 */
export function structural(schema: TSchema, path = "spec"): Json {
	const source = schema as unknown as Json;
	if (typeof source.description !== "string") throw new Error(`${path} has no description`);
	const { properties, items, patternProperties, required, ...rest } = source;
	const result: Record<string, unknown> = { ...rest };
	if (source.enum !== undefined) result.type = "string";
	// OpenAPI v3.0 has a flag where JSON Schema has a bound.
	if (typeof source.exclusiveMinimum === "number") {
		Object.assign(result, { minimum: source.exclusiveMinimum, exclusiveMinimum: true });
	}
	if (Array.isArray(required) && required.length > 0) result.required = required;
	if (items !== undefined) result.items = structural(items as TSchema, `${path}[]`);
	if (patternProperties !== undefined) {
		const [value] = Object.values(patternProperties as Record<string, TSchema>);
		result.additionalProperties = structural(value as TSchema, `${path}{}`);
	}
	if (properties !== undefined) {
		result.properties = Object.fromEntries(
			Object.entries(properties as Record<string, TSchema>).map(([name, child]) => [
				name,
				structural(child, `${path}.${name}`),
			]),
		);
	}
	return result;
}

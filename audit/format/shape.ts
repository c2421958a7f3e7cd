// What a value out of JSON must look like, and what is wrong with one that does not. A few lines take the place of a library for
// JSON Schema, since each process that records loads them: the library takes 12 MB of memory.

/** Says what is wrong with a value, naming the place; undefined: nothing is. `T` is what it is then. */
export type Shape<T> = ((value: unknown, place: string) => string | undefined) & {
	/** For types only. */
	readonly of?: T;
	readonly isOptional?: boolean;
};

/** What a shape stands for. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

type Shapes = Readonly<Record<string, Shape<unknown>>>;
type Optional<T> = Shape<T> & { readonly isOptional: true };
type OptionalNames<S extends Shapes> = {
	[N in keyof S]: S[N] extends { readonly isOptional: true } ? N : never;
}[keyof S];
type Fields<S extends Shapes> = { [N in Exclude<keyof S, OptionalNames<S>>]: Shaped<S[N]> } & {
	[N in OptionalNames<S>]?: Shaped<S[N]>;
};
/** The same, as one type that is easy to read. */
type Flat<T> = { [N in keyof T]: T[N] };

/** Text of so many characters (UTF-16) that fits a pattern, if one is given. */
export function text(least: number, most: number, pattern?: RegExp): Shape<string> {
	return (value, place) => {
		if (typeof value !== "string") return `${place} is to be text`;
		if (value.length < least) return `${place} must not be empty`;
		if (value.length > most) return `${place} has ${value.length} characters, and ${most} is the most`;
		return pattern === undefined || pattern.test(value) ? undefined : `${place} does not fit ${pattern}`;
	};
}

/** A whole number from 0 on that is exact. */
export const count: Shape<number> = (value, place) =>
	Number.isSafeInteger(value) && (value as number) >= 0
		? undefined
		: `${place} is to be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`;

/** One of these values. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
	return (value, place) =>
		values.includes(value as T) ? undefined : `${place} is none of ${values.join(", ")}`;
}

/** At most so many of these. */
export function list<T>(of: Shape<T>, most: number): Shape<T[]> {
	return (value, place) => {
		if (!Array.isArray(value)) return `${place} is to be a list`;
		if (value.length > most) return `${place} has ${value.length} members, and ${most} is the most`;
		return first(value.map((one, at) => () => of(one, `${place}/${at}`)));
	};
}

/** Any names of one shape, with values of another one. */
export function named<T>(name: Shape<string>, of: Shape<T>): Shape<Record<string, T>> {
	return (value, place) => {
		if (!isObject(value)) return `${place} is to be an object`;
		return first(
			Object.entries(value).map(
				([key, one]) =>
					() =>
						name(key, `a name in ${place}`) ?? of(one, `${place}/${key}`),
			),
		);
	};
}

/** These fields and no other ones. */
export function closed<S extends Shapes>(fields: S): Shape<Flat<Fields<S>>> {
	return (value, place) => {
		if (!isObject(value)) return `${place || "it"} is to be an object`;
		const stranger = Object.keys(value).find((key) => !Object.hasOwn(fields, key));
		if (stranger !== undefined) return `${place}/${stranger} is nothing that belongs here`;
		return first(
			Object.entries(fields).map(([key, shape]) => () => {
				const one = value[key];
				if (one !== undefined) return shape(one, `${place}/${key}`);
				return shape.isOptional ? undefined : `${place}/${key} is missing`;
			}),
		);
	};
}

/** A field that may be missing. */
export function optional<T>(shape: Shape<T>): Optional<T> {
	return Object.assign((value: unknown, place: string) => shape(value, place), { isOptional: true } as const);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function first(checks: readonly (() => string | undefined)[]): string | undefined {
	for (const check of checks) {
		const problem = check();
		if (problem !== undefined) return problem;
	}
	return undefined;
}

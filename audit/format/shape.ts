// What a value out of JSON must look like, and what is wrong with one that does not. A few lines take the place of a library for
// JSON Schema, since each process that records loads them: the library takes 12 MB of memory.

/** What is wrong, and where: a path such as /time/wall, empty for the value itself. */
export type Problem = { readonly place: string; readonly why: string };

/** Says what is wrong with a value; undefined: nothing is. `T` is what it is then. */
export type Shape<T> = ((value: unknown) => Problem | undefined) & {
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
	return (value) => {
		if (typeof value !== "string") return here("is to be text");
		if (value.length < least) return here("is too short");
		if (value.length > most) return here(`has ${value.length} characters, and ${most} is the most`);
		return pattern === undefined || pattern.test(value) ? undefined : here(`does not fit ${pattern}`);
	};
}

/** A whole number from 0 on that is exact. */
export const count: Shape<number> = (value) =>
	Number.isSafeInteger(value) && (value as number) >= 0
		? undefined
		: here(`is to be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);

/** One of these values. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
	const known = new Set<unknown>(values);
	return (value) => (known.has(value) ? undefined : here(`is none of ${values.join(", ")}`));
}

/** At most so many of these. */
export function list<T>(of: Shape<T>, most: number): Shape<T[]> {
	return (value) => {
		if (!Array.isArray(value)) return here("is to be a list");
		if (value.length > most) return here(`has ${value.length} members, and ${most} is the most`);
		for (let at = 0; at < value.length; at += 1) {
			const problem = of(value[at]);
			if (problem !== undefined) return below(String(at), problem);
		}
		return undefined;
	};
}

/** Any names of one shape, with values of another one. */
export function named<T>(name: Shape<string>, of: Shape<T>): Shape<Record<string, T>> {
	return (value) => {
		if (!isObject(value)) return here("is to be an object");
		for (const key of Object.keys(value)) {
			const problem = name(key) ?? of(value[key]);
			if (problem !== undefined) return below(key, problem);
		}
		return undefined;
	};
}

/** These fields and no other ones. */
export function closed<S extends Shapes>(fields: S): Shape<Flat<Fields<S>>> {
	const known = new Map<string, Shape<unknown>>(Object.entries(fields));
	const needed = [...known.keys()].filter((key) => fields[key]?.isOptional !== true);
	return (value) => {
		if (!isObject(value)) return here("is to be an object");
		for (const key of Object.keys(value)) {
			const shape = known.get(key);
			if (shape === undefined) return below(key, here("is nothing that belongs here"));
			const one = value[key];
			const problem = one === undefined ? undefined : shape(one);
			if (problem !== undefined) return below(key, problem);
		}
		for (const key of needed) if (value[key] === undefined) return below(key, here("is missing"));
		return undefined;
	};
}

/** A field that may be missing. */
export function optional<T>(shape: Shape<T>): Optional<T> {
	return Object.assign((value: unknown) => shape(value), { isOptional: true } as const);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function here(why: string): Problem {
	return { place: "", why };
}

function below(name: string, { place, why }: Problem): Problem {
	return { place: `/${name}${place}`, why };
}

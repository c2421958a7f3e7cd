/** The metadata that this folder reads (meta/v1 ObjectMeta). */
export type ObjectMeta = {
	readonly name: string;
	readonly namespace?: string;
	readonly uid?: string;
	readonly resourceVersion?: string;
};

/** Any Kubernetes object. */
export type KubeObject = { readonly metadata: ObjectMeta };

/** One page of a list, or a whole one (meta/v1 ListMeta). */
export type List<T> = {
	readonly metadata: {
		readonly resourceVersion: string;
		/** Present when there are more pages. */
		readonly continue?: string;
		readonly remainingItemCount?: number;
	};
	readonly items: readonly T[];
};

/** `namespace/name`, or `name` for what has no namespace. */
export function keyOf(object: KubeObject): string {
	const { namespace, name } = object.metadata;
	return namespace === undefined ? name : `${namespace}/${name}`;
}

/**
 * Compares two resource versions of one resource type: negative, zero or positive; `undefined` when they cannot
 * be ordered. Decimal numbers without leading zeros are ordered as integers of any size, which KEP-5504
 * (Comparable Resource Version) promises; of anything else only equality is known.
 */
export function compareResourceVersions(a: string, b: string): number | undefined {
	if (a === b) return 0;
	const decimal = /^[1-9][0-9]*$/;
	if (!decimal.test(a) || !decimal.test(b)) return undefined;
	if (a.length !== b.length) return a.length - b.length;
	return a < b ? -1 : 1;
}

/** `MicroTime` (meta/v1) of a moment: RFC 3339 with six digits, which the API server insists on. */
export function microTime(moment: Date): string {
	return moment.toISOString().replace(/Z$/, "000Z");
}

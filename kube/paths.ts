/** What a path of the API server addresses. The core group is the empty string. */
export type Resource = {
	readonly group: string;
	readonly version: string;
	/** Plural, in lower case, such as `pods`. */
	readonly resource: string;
	readonly namespace?: string | undefined;
	readonly name?: string | undefined;
	readonly subresource?: string | undefined;
};

/**
 * The path of a resource: a collection without `name`, all namespaces without `namespace`.
 * Every part is escaped, so no name can reach another path.
 */
export function pathOf(resource: Resource): string {
	const parts = resource.group === "" ? ["api"] : ["apis", resource.group];
	parts.push(resource.version);
	if (resource.namespace !== undefined) parts.push("namespaces", resource.namespace);
	parts.push(resource.resource);
	if (resource.name !== undefined) parts.push(resource.name);
	if (resource.subresource !== undefined) parts.push(resource.subresource);
	return `/${parts.map(escapePart).join("/")}`;
}

/** The reverse of {@link pathOf}; `undefined` for a path that is no resource, such as `/readyz`. */
export function parsePath(path: string): Resource | undefined {
	const parts = path.slice(1).split("/").map(decodeURIComponent);
	const group = parts[0] === "api" ? "" : parts[0] === "apis" ? parts[1] : undefined;
	if (group === undefined) return undefined;
	const [version, ...rest] = parts.slice(group === "" ? 1 : 2);
	if (version === undefined || rest.length === 0) return undefined;
	// `namespaces/x` alone is the namespace itself; with more behind it, it is where the rest lives.
	const namespaced = rest[0] === "namespaces" && rest.length > 2;
	const [resource, name, subresource] = namespaced ? rest.slice(2) : rest;
	if (resource === undefined) return undefined;
	return { group, version, resource, namespace: namespaced ? rest[1] : undefined, name, subresource };
}

/** A label for metrics with few values: `pods`, `deployments/scale`; a path that is no resource as it is. */
export function resourceLabel(path: string): string {
	const resource = parsePath(path);
	if (resource === undefined) return path;
	return resource.subresource === undefined
		? resource.resource
		: `${resource.resource}/${resource.subresource}`;
}

function escapePart(part: string): string {
	// encodeURIComponent leaves dots alone, and `..` would climb.
	if (part === "" || part === "." || part === "..") throw new TypeError(`not a part of a path: "${part}"`);
	return encodeURIComponent(part);
}

import { randomUUID } from "node:crypto";
import { type KubeObject, keyOf } from "../object.ts";
import { parsePath, pathOf, type Resource } from "../paths.ts";

/** An object as stored: whatever was sent, with metadata completed. */
export type StoredObject = {
	readonly apiVersion?: string;
	readonly kind?: string;
	readonly metadata: KubeObject["metadata"] & { readonly resourceVersion: string; readonly uid: string };
	readonly [field: string]: unknown;
};

export type StoredEvent = { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: StoredObject };

/** An answer of the store, as HTTP. */
export type Answer = { readonly status: number; readonly body: unknown };

type LoggedEvent = StoredEvent & { readonly collection: string; readonly version: number };

/** The objects of a pretended API server: enough of the semantics for reflectors and leases. */
export class ObjectStore {
	#version = 100;
	/** Watches and continue tokens from before this version are answered with 410. */
	#oldest = 0;
	readonly #objects = new Map<string, StoredObject>();
	readonly #log: LoggedEvent[] = [];
	readonly #listeners = new Set<() => void>();

	get resourceVersion(): string {
		return String(this.#version);
	}

	get(path: string): StoredObject | undefined {
		return this.#objects.get(path);
	}

	/** Creates or replaces the object at its place, without checks. */
	put(collection: string, object: KubeObject & { readonly [field: string]: unknown }): StoredObject {
		const resource = parsePath(collection);
		if (resource === undefined) throw new TypeError(`not a collection: ${collection}`);
		const namespace = object.metadata.namespace ?? resource.namespace;
		const path = pathOf({ ...resource, namespace, name: object.metadata.name });
		const before = this.#objects.get(path);
		this.#version += 1;
		const stored: StoredObject = {
			...object,
			metadata: {
				...object.metadata,
				...(namespace === undefined ? {} : { namespace }),
				uid: object.metadata.uid ?? before?.metadata.uid ?? randomUUID(),
				resourceVersion: String(this.#version),
			},
		};
		this.#objects.set(path, stored);
		this.#happened(before === undefined ? "ADDED" : "MODIFIED", path, stored);
		return stored;
	}

	/** Removes the object; false when there was none. */
	remove(path: string): boolean {
		const before = this.#objects.get(path);
		if (before === undefined) return false;
		this.#version += 1;
		this.#objects.delete(path);
		const metadata = { ...before.metadata, resourceVersion: String(this.#version) };
		this.#happened("DELETED", path, { ...before, metadata });
		return true;
	}

	/** Forgets the history: a watch from an earlier version gets 410 from now on. */
	compact(): void {
		this.#version += 1;
		this.#oldest = this.#version;
		this.#log.length = 0;
	}

	/** One page. `continue` tokens are `version:offset`. */
	list(collection: string, limit: number, token: string | undefined): Answer {
		const [version, offset] = (token ?? `${this.#version}:0`).split(":").map(Number) as [number, number];
		if (version < this.#oldest) return failure(410, "Expired", "the continue token is too old");
		const all = [...this.#objects]
			.filter(([path]) => isIn(collection, path))
			.map(([, object]) => object)
			.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
		const end = limit > 0 ? offset + limit : all.length;
		const next = end < all.length ? { continue: `${version}:${end}` } : {};
		const metadata = { resourceVersion: String(version), ...next };
		return { status: 200, body: { kind: "List", apiVersion: "v1", metadata, items: all.slice(offset, end) } };
	}

	/** The events after `version`; `undefined` when that is too old. */
	eventsAfter(collection: string, version: number): readonly StoredEvent[] | undefined {
		if (version < this.#oldest) return undefined;
		return this.#log.filter((event) => event.version > version && isIn(collection, event.collection));
	}

	/** Calls `listener` after every change; returns what ends that. */
	listen(listener: () => void): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	create(collection: string, body: StoredObject): Answer {
		const { generateName, ...metadata } = body.metadata as StoredObject["metadata"] & {
			generateName?: string;
		};
		const name = metadata.name ?? `${generateName}${randomUUID().slice(0, 5)}`;
		const path = pathOf({ ...(parsePath(collection) as Resource), name });
		if (this.#objects.has(path)) return failure(409, "AlreadyExists", `"${name}" already exists`);
		return { status: 201, body: this.put(collection, { ...body, metadata: { ...metadata, name } }) };
	}

	/** A merge patch (RFC 7396), conditional when it carries a resource version. */
	patch(path: string, patch: { readonly metadata?: { readonly resourceVersion?: string } }): Answer {
		const before = this.#objects.get(path);
		if (before === undefined) return failure(404, "NotFound", `${path} not found`);
		const wanted = patch.metadata?.resourceVersion;
		if (wanted !== undefined && wanted !== before.metadata.resourceVersion) {
			return failure(409, "Conflict", "the object has been modified");
		}
		const resource = parsePath(path) as Resource;
		const collection = pathOf({ ...resource, name: undefined });
		return { status: 200, body: this.put(collection, merge(before, patch) as StoredObject) };
	}

	delete(path: string): Answer {
		if (!this.remove(path)) return failure(404, "NotFound", `${path} not found`);
		return { status: 200, body: { kind: "Status", apiVersion: "v1", status: "Success" } };
	}

	#happened(type: StoredEvent["type"], path: string, object: StoredObject): void {
		this.#log.push({ type, object, collection: path, version: this.#version });
		for (const listener of this.#listeners) listener();
	}
}

/** A `Status` (meta/v1) of a failure. */
export function failure(code: number, reason: string, message: string): Answer {
	const body = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
	return { status: code, body };
}

function isIn(collection: string, path: string): boolean {
	const wanted = parsePath(collection);
	const object = parsePath(path);
	if (wanted === undefined || object === undefined) return false;
	const sameType =
		wanted.group === object.group && wanted.version === object.version && wanted.resource === object.resource;
	return sameType && (wanted.namespace === undefined || wanted.namespace === object.namespace);
}

function merge(target: unknown, patch: unknown): unknown {
	if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
	const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
	const result: Record<string, unknown> = { ...base };
	for (const [name, value] of Object.entries(patch)) {
		if (value === null) delete result[name];
		else result[name] = merge(result[name], value);
	}
	return result;
}

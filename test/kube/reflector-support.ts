import type { ExecutionContext } from "ava";
import type { KubeObject } from "../../kube/object.ts";
import { type Change, Reflector, type ReflectorOptions, type ReflectorState } from "../../kube/reflector.ts";
import { pods, startWorld, type World } from "./support.ts";

export type Labelled = KubeObject & {
	readonly metadata: { readonly labels?: { readonly label?: string } };
};

export type Watched = World & {
	readonly reflector: Reflector<Labelled, string>;
	/** In order: `+name=label`, `~name=before>after`, `-name=label`. */
	readonly changes: string[];
	readonly errors: unknown[];
	readonly relists: string[];
	readonly states: ReflectorState[];
};

/** A reflector over the pods of a fault server, not yet started; its rows are the values of one label. */
export async function startWatched(
	t: ExecutionContext,
	options: Partial<ReflectorOptions<Labelled, string>> = {},
): Promise<Watched> {
	const world = await startWorld(t);
	const changes: string[] = [];
	const errors: unknown[] = [];
	const relists: string[] = [];
	const states: ReflectorState[] = [];
	const reflector = new Reflector<Labelled, string>({
		client: world.client,
		path: pods,
		project: (object) => object.metadata.labels?.label ?? "",
		onChange: (change) => changes.push(describe(change)),
		onError: (error) => errors.push(error),
		onRelist: (reason) => relists.push(reason),
		onState: (state) => states.push(state),
		backoff: { baseMilliseconds: 10, factor: 2, capMilliseconds: 100 },
		...options,
	});
	t.teardown(() => reflector.stop());
	return { ...world, reflector, changes, errors, relists, states };
}

function describe({ key, before, after }: Change<string>): string {
	const name = key.replace("desk/", "");
	if (before === undefined) return `+${name}=${after}`;
	if (after === undefined) return `-${name}=${before}`;
	return `~${name}=${before}>${after}`;
}

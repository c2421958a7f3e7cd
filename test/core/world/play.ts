import { newWorld, type World } from "./api.ts";
import { type Replica, startReplica } from "./replica.ts";

/** A world and the replicas in it. */
export type Play = { readonly world: World; readonly replicas: readonly Replica[] };

/** A desk in Normal with its replicas, the first of which leads. */
export function begin(targets: readonly string[], count: number): Play {
	const world = newWorld(targets);
	const replicas = Array.from({ length: count }, (_, i) => startReplica(world, `replica-${i}`));
	for (const first of replicas.slice(0, 1)) first.leads = true;
	return { world, replicas };
}

import { NodeError } from "./errors.ts";
import type { NodePrograms } from "./programs.ts";

/** Tells a process in an enclosure where it is. */
export const enclosureVariable = "TRADINGSAFETY_ENCLOSURE";

/** What there is for nodes. */
export type Enclosure = NodePrograms & {
	/** Everything that is written goes there. */
	readonly folder: string;
	/** The cgroup that those of nodes lie in. */
	readonly cgroup: string;
};

/** The enclosure that this process runs in. Throws `NotEnclosed`. */
export function enclosure(): Enclosure {
	const text = process.env[enclosureVariable];
	if (text !== undefined && text !== "") return JSON.parse(text) as Enclosure;
	throw new NodeError(
		"NotEnclosed",
		"real nodes run in namespaces of their own: start this by `node dev/node/enclose.ts` or `npm test -- FILE`",
	);
}

import { readFileSync, statSync } from "node:fs";
import type { Resolve } from "../gates/address.ts";

/**
 * Finds the processes behind pods that are played, on this machine. `path`: JSON from the name of a pod to its port, or to
 * HOST:PORT where that is in a network of its own.
 */
export function gatesIn(path: string): Resolve {
	let ports: Readonly<Record<string, number | string>> = {};
	let readAt = Number.NaN;
	return ({ name }) => {
		const { mtimeMs } = statSync(path);
		if (mtimeMs !== readAt) {
			ports = JSON.parse(readFileSync(path, "utf8"));
			readAt = mtimeMs;
		}
		const place = ports[name];
		if (place === undefined) return undefined;
		return typeof place === "number" ? `http://127.0.0.1:${place}` : `http://${place}`;
	};
}

import { readFileSync, statSync } from "node:fs";
import type { Resolve } from "../gates/address.ts";
import { runOperator } from "../operator/run.ts";

// The operator of the demo and of tests, for nodes that are played: the processes behind such pods run on this machine.
// node dev/operator.ts --gates FILE [options of operator/main.ts]; FILE: JSON from the name of a pod to its port,
// or to HOST:PORT where that is in a network of its own.

const [flag, file, ...args] = process.argv.slice(2);
if (flag !== "--gates" || file === undefined)
	throw new Error("usage: node dev/operator.ts --gates FILE [options]");
runOperator(args, gatesIn(file));

function gatesIn(path: string): Resolve {
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

import { runOperator } from "../operator/run.ts";
import { gatesIn } from "./gates-file.ts";

// The operator of the demo and of tests, for nodes that are played: the processes behind such pods run on this machine.
// node dev/operator.ts --gates FILE [options of operator/main.ts]; FILE as gatesIn() reads it.

const [flag, file, ...args] = process.argv.slice(2);
if (flag !== "--gates" || file === undefined)
	throw new Error("usage: node dev/operator.ts --gates FILE [options]");
runOperator(args, gatesIn(file));

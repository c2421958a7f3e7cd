import { runOperator } from "./run.ts";

runOperator(process.argv.slice(2));

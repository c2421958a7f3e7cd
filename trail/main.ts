import { runTrail } from "./run.ts";

runTrail(process.argv.slice(2));

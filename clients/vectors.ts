/** `npm run vectors [-- --check]`: writes `clients/generated/vectors.json`, or says whether it is as it would be written. */
import { readFileSync, writeFileSync } from "node:fs";
import { permitVectors } from "./stories.ts";

const path = new URL("generated/vectors.json", import.meta.url);
const wanted = `${JSON.stringify(permitVectors(), undefined, 1)}\n`;

if (!process.argv.includes("--check")) writeFileSync(path, wanted);
else if (readFileSync(path, "utf8") !== wanted) {
	console.error("clients/generated/vectors.json is stale: run npm run vectors");
	process.exitCode = 1;
}

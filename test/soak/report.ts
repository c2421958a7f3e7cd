import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { clusterFiles, logTail, PROGRAMS } from "../../dev/cluster/files.ts";
import type { Outcome } from "./soak.ts";
import type { Fault } from "./story.ts";

/** One line for a seed that went well, all that is known for one that did not. */
export function describeOutcome(outcome: Outcome, folder: string | undefined): string {
	const { seed, seconds, breaches, told, story } = outcome;
	const deeds = story.steps.map(({ deed, faults }) =>
		[deed.kind, ...faults.map(({ fault }) => `+${nameOf(fault)}`)].join(" "),
	);
	const head = `seed ${seed} (${seconds.toFixed(1)} s, ${story.replicas} replicas): ${deeds.join(", ")}`;
	if (breaches.length === 0) return `ok      ${head}`;
	return [
		`FAILED  ${head}`,
		...breaches.map((breach) => `    ${breach}`),
		"  The story:",
		...told.map((line) => `    ${line}`),
		`  What was seen, and the logs: ${folder}`,
		`  Again: npm run soak -- --seed ${seed}`,
	].join("\n");
}

function nameOf(fault: Fault): string {
	return "server" in fault ? `${fault.kind}(${fault.server})` : fault.kind;
}

/** Writes what is known of a failed seed into a folder of its own and returns its path. */
export function keepFailure(outcome: Outcome, clusterDir: string, out: string | undefined): string {
	const parent = out === undefined ? mkdtempSync(join(tmpdir(), "tradingsafety-soak-")) : resolve(out);
	const folder = join(parent, `seed-${outcome.seed}`);
	mkdirSync(folder, { recursive: true });
	const write = (name: string, text: string) => writeFileSync(join(folder, name), `${text}\n`);
	write("breaches.txt", outcome.breaches.join("\n"));
	write("story.json", JSON.stringify(outcome.story, undefined, "\t"));
	write("told.txt", outcome.told.join("\n"));
	write("seen.txt", outcome.seen.join("\n"));
	for (const { identity, text } of outcome.logs) write(`${identity}.log`, text);
	for (const server of PROGRAMS) write(`${server}.log`, logTail(clusterFiles(clusterDir), server, 200));
	return folder;
}

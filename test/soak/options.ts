import { parseArgs } from "node:util";
import { commitSeeds, onceFailed } from "./seeds.ts";

export const usage = `usage: npm run soak -- [--audit] [--seeds N | --seed S ...] [--minutes M] [--ci] [--out DIR] [--verbose]
  --audit      the record alone: its writers are killed at every stage, on a real store; no cluster is started
  --seeds N    so many random seeds (10)
  --seed S     this one; may be repeated
  --minutes M  begins no further seed after that time
  --ci         five seeds derived from the commit, and those that failed once; three of the five for the record
  --out DIR    where failures are written to; by default a new temporary folder
  --verbose    prints each story as it is played`;

const auditSeedsOfCommit = 3;

/** What to run. */
export type SoakOptions = {
	readonly seeds: readonly number[];
	/** Seeds for the record. */
	readonly auditSeeds: readonly number[];
	readonly minutes: number;
	readonly out: string | undefined;
	readonly verbose: boolean;
};

/** Reads the command line; undefined when it is wrong, or asks for help. */
export function readOptions(args: readonly string[], root: string): SoakOptions | undefined {
	const { values } = parseArgs({
		args: [...args],
		options: {
			audit: { type: "boolean", default: false },
			seeds: { type: "string" },
			seed: { type: "string", multiple: true },
			minutes: { type: "string" },
			ci: { type: "boolean", default: false },
			out: { type: "string" },
			verbose: { type: "boolean", default: false },
			help: { type: "boolean", default: false },
		},
	});
	const minutes = Number(values.minutes ?? Number.POSITIVE_INFINITY);
	const count = Number(values.seeds ?? 10);
	const known = onceFailed.map(({ seed }) => seed);
	const chosen =
		values.seed !== undefined
			? values.seed.map(Number)
			: values.ci
				? [...known, ...commitSeeds(root)]
				: Array.from({ length: count }, () => Math.floor(Math.random() * 2 ** 31));
	const seeds = values.audit ? [] : chosen;
	const auditSeeds = values.audit ? chosen : values.ci ? commitSeeds(root).slice(0, auditSeedsOfCommit) : [];
	const wrong = values.help || Number.isNaN(minutes) || Number.isNaN(count) || chosen.some(Number.isNaN);
	return wrong ? undefined : { seeds, auditSeeds, minutes, out: values.out, verbose: values.verbose };
}

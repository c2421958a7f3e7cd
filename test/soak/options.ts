import { parseArgs } from "node:util";
import { commitSeeds, onceFailed } from "./seeds.ts";

export const usage = `usage: npm run soak -- [--seeds N | --seed S ...] [--minutes M] [--ci] [--out DIR] [--verbose]
  --seeds N    so many random seeds (10)
  --seed S     this one; may be repeated
  --minutes M  begins no further seed after that time
  --ci         five seeds derived from the commit, and those that failed once
  --out DIR    where failures are written to; by default a new temporary folder
  --verbose    prints each story as it is played`;

/** What to run. */
export type SoakOptions = {
	readonly seeds: readonly number[];
	readonly minutes: number;
	readonly out: string | undefined;
	readonly verbose: boolean;
};

/** Reads the command line; undefined when it is wrong, or asks for help. */
export function readOptions(args: readonly string[], root: string): SoakOptions | undefined {
	const { values } = parseArgs({
		args: [...args],
		options: {
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
	const seeds =
		values.seed !== undefined
			? values.seed.map(Number)
			: values.ci
				? [...known, ...commitSeeds(root)]
				: Array.from({ length: count }, () => Math.floor(Math.random() * 2 ** 31));
	const wrong = values.help || Number.isNaN(minutes) || Number.isNaN(count) || seeds.some(Number.isNaN);
	return wrong ? undefined : { seeds, minutes, out: values.out, verbose: values.verbose };
}

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Seeds that failed once, with what they found. They are always run too. */
export const onceFailed: readonly { readonly seed: number; readonly found: string }[] = [
	{
		seed: 2021129506,
		found: "a record deleted before status said recordedAt came back as 0, and nothing said so",
	},
	{
		seed: 1098513705,
		found:
			"a leader whose list of records hung took what it had not seen for lost, and cleared and restored nothing",
	},
	{
		seed: 1613271653,
		found:
			"a leader whose watch of records was silent since before a halt said that all is back, and nothing was",
	},
];

const seedsOfCommit = 5;

/** Five seeds that follow from what is checked out: each commit tries others, the same commit the same. */
export function commitSeeds(root: string): readonly number[] {
	const source = commitOf(root) ?? contentOf(root);
	return Array.from(
		{ length: seedsOfCommit },
		(_, index) => createHash("sha256").update(`${source} ${index}`).digest().readUInt32BE() >>> 1,
	);
}

function commitOf(root: string): string | undefined {
	const { status, stdout } = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" });
	return status === 0 ? stdout.trim() : undefined;
}

/** Where there is no git: a digest of the sources. */
function contentOf(root: string): string {
	const digest = createHash("sha256");
	for (const name of globSync("{core,crds,kube,operator,dev,test}/**/*.ts", { cwd: root }).sort()) {
		digest.update(name).update(readFileSync(join(root, name)));
	}
	return digest.digest("hex");
}

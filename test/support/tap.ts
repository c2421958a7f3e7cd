/** What a test runner reported in TAP. */
export type TapReport = {
	readonly passed: number;
	readonly failures: readonly TapFailure[];
	/** The titles of tests that were skipped or are to do. */
	readonly skipped: readonly string[];
};

export type TapFailure = {
	readonly title: string;
	/** The lines of the YAML block that explains it. */
	readonly details: readonly string[];
};

/**
 * Counts the test points of a TAP 13 or 14 stream. A point marked SKIP or TODO neither passed nor failed.
 * The runner's comment about tests that never ended counts as a failure.
 */
export function readTap(text: string): TapReport {
	let passed = 0;
	const failures: { title: string; details: string[] }[] = [];
	const skipped: string[] = [];
	/** The details of the last point if it failed; those of others are read over. */
	let details: string[] = [];
	let inBlock = false;
	for (const line of text.split(/\r?\n/)) {
		if (inBlock) {
			if (line === "  ...") inBlock = false;
			else details.push(line.replace(/^ {4}/, ""));
			continue;
		}
		if (line === "  ---") {
			inBlock = true;
			continue;
		}
		const remaining = /^# (\d+ tests? remaining in .*)$/.exec(line);
		if (remaining?.[1] !== undefined) failures.push({ title: remaining[1], details: [] });
		const point = /^(not )?ok\b(?: \d+)?(?: - )?(.*)$/.exec(line);
		if (point === null) continue;
		const [, not, rest = ""] = point;
		details = [];
		const title = rest.replace(/ # (?:skip|todo)\b.*$/i, "");
		if (title !== rest) skipped.push(title);
		else if (not === undefined) passed++;
		else failures.push({ title, details });
	}
	return { passed, failures, skipped };
}

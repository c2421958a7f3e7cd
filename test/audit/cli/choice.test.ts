import test from "ava";
import fc from "fast-check";
import { choose, sizeOf } from "../../../audit/cli/choice.ts";
import { leavesPath, tilePath, tilesBetween } from "../../../audit/format/tiles.ts";
import { batchPath, bundlePath, checkpointPath, manifestPath } from "../../../audit/layout.ts";

/** All that a round writes. */
function objectsOf(first: number, size: number): readonly string[] {
	const tiles = tilesBetween(first, size).flatMap((tile) =>
		tile.level === 0 ? [tilePath(tile), leavesPath(tile)] : [tilePath(tile)],
	);
	return [batchPath(first), ...tiles, checkpointPath(size), bundlePath(first), manifestPath(size)];
}

test("of any log, exactly the rounds that ended while it was listed are left out, whatever of them was listed", (t) => {
	const log = fc.record({
		// Some so large that tiles of level 1 and 2 fill.
		counts: fc.array(
			fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(256, 65_536, 65_535), fc.nat(70_000)),
			{ minLength: 1, maxLength: 12 },
		),
		before: fc.nat(12),
		ended: fc.nat(12),
		seed: fc.infiniteStream(fc.boolean()),
	});
	fc.assert(
		fc.property(log, ({ counts, before, ended, seed }) => {
			// Given rounds of which some had ended before, others meanwhile, and others were under way or cut off
			let total = 0;
			const sizes = counts.map((count) => {
				total += count + 1;
				return total;
			});
			const rounds = sizes.map((size, at) => objectsOf(sizes[at - 1] ?? 0, size));
			const had = Math.min(before, sizes.length);
			const have = Math.min(sizes.length, had + ended);
			const some = (keys: readonly string[]) => keys.filter(() => seed.next().value);
			const done = rounds.slice(0, had).flat();
			const meanwhile = some(rounds.slice(had, have).flat());
			const rest = some(rounds.slice(have).flat());
			// When it is chosen what to fetch
			const choice = choose([...rest, ...meanwhile, ...done], {
				before: sizes[had - 1] ?? 0,
				meanwhile: sizes[have - 1] ?? 0,
			});
			// Then it is all that had ended before, and what nothing explains
			return (
				choice.refused.length === 0 &&
				choice.wanted.join() === [...done, ...rest].sort().join() &&
				choice.later.toSorted().join() === meanwhile.toSorted().join()
			);
		}),
		{ numRuns: 200 },
	);
	t.pass();
});

test("what lies in the folders of a trail and is none of a round is fetched, so that it is found", (t) => {
	const odd = [
		"batch/000000000003.ndjson",
		"bundle/3.ndjson",
		"checkpoint/000000000004.tsv",
		"manifest/last",
		"tile/0/nonsense",
		"tile/0/x000/004.p/4",
		"tile/0/000.p/0004",
		"tile/99/999.p/7",
	];
	t.deepEqual(choose(odd, { before: 2, meanwhile: 9 }), { wanted: odd.toSorted(), later: [], refused: [] });
});

test("what is no key of a trail, and could lie anywhere, is refused", (t) => {
	// Given keys that lead out of the folder, to a folder, or to two things of one name
	const refused = [
		"batch/../../../../tmp/PWN",
		"batch/./a",
		"batch/..",
		"batch//etc/passwd",
		"batch/",
		"batch/a/",
		"/batch/a",
		"batch",
		"other/a",
		"batch\\..\\a",
		"batch/a b",
		"batch/A",
		"batch/a\u001b[2J",
		"batch/a\n",
		`batch/${"a".repeat(65)}`,
		"tile/0",
		"tile/0/000/below",
		"bundle/a",
		"bundle/a/b",
	];
	const good = ["batch/000000000000.tsv", "tile/0/000", "tile/0/000.p/5", "batch/...a"];
	// Then only the others are taken
	const choice = choose([...refused, ...good], { before: 9, meanwhile: 9 });
	t.deepEqual(choice.refused, refused);
	t.deepEqual(choice.wanted, good.toSorted());
});

test("the size of a log is that of its last manifest, and of nothing that only looks like one", (t) => {
	t.is(sizeOf([]), 0);
	t.is(sizeOf([manifestPath(3), "manifest/000000000099.tsv", "manifest/x", manifestPath(12)]), 12);
});

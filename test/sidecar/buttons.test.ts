import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { readButtons } from "../../sidecar/buttons.ts";
import { SidecarError } from "../../sidecar/error.ts";

function fileOf(t: ExecutionContext, content: string): string {
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-test-"));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const path = join(folder, "buttons.json");
	writeFileSync(path, content);
	return path;
}

const good = { name: "mine", vendorId: 1, productId: 2, offset: 0, mask: 1, active: 1 };

test("a button that is wrong is left out and named; the others work", async (t) => {
	// Given two good ones, one with a wrong mask, and one whose name is there twice
	const buttons = [good, { ...good, name: "wrong", mask: 300 }, { ...good, name: "other" }, good];
	const file = fileOf(t, JSON.stringify(buttons));
	const { profiles, problems } = await readButtons(file);
	t.deepEqual(
		profiles.map(({ name }) => name),
		["mine", "other"],
	);
	t.is(problems.length, 2);
	t.true(problems[0]?.startsWith(`${file}: button wrong: mask`));
	t.regex(problems[1] ?? "", /button mine: there is another of this name/);
});

test("without a file there are none; one that is no list is named", async (t) => {
	t.deepEqual(await readButtons(undefined), { profiles: [], problems: [] });
	for (const content of ["{}", "[", ""]) {
		const file = fileOf(t, content);
		const error = await t.throwsAsync(readButtons(file), { instanceOf: SidecarError });
		t.is(error.code, "USAGE");
		t.true(error.message.includes(file));
	}
	const missing = join(tmpdir(), "tradingsafety-there-is-none.json");
	t.like(await t.throwsAsync(readButtons(missing)), { code: "USAGE" });
});

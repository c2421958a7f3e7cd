import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { admissionPolicies } from "../../crds/policies/index.ts";

test("npm run generate -- --check finds stale files", async (t) => {
	// Given a copy of crds/ with one file changed, one missing and one too many.
	const root = fileURLToPath(new URL("../..", import.meta.url));
	const copy = await mkdtemp(join(tmpdir(), "tradingsafety-generate-"));
	t.teardown(() => rm(copy, { recursive: true }));
	for (const folder of ["crds", "docs"])
		await cp(join(root, folder), join(copy, folder), { recursive: true });
	await cp(join(root, "package.json"), join(copy, "package.json"));
	await cp(join(root, "docs/api.md"), join(copy, "docs/api.md"));
	await symlink(join(root, "node_modules"), join(copy, "node_modules"));
	const generate = async (...args: string[]) => {
		const script = join(copy, "crds/generate.ts");
		try {
			const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
			return { code: 0, text: stdout };
		} catch (error) {
			const { code, stderr } = error as { readonly code: number; readonly stderr: string };
			return { code, text: stderr };
		}
	};
	t.deepEqual(await generate("--check"), { code: 0, text: "" }, "what is committed is current");
	await writeFile(join(copy, "crds/generated/2-policies.yaml"), "# changed by hand\n");
	await writeFile(join(copy, "crds/generated/9-surplus.yaml"), "");
	await rm(join(copy, "crds/generated/3-roles.yaml"));
	await rm(join(copy, "crds/generated/without-mutation"), { recursive: true });
	// When it is checked, generated, and checked again.
	const checked = await generate("--check");
	const generated = await generate();
	const again = await generate("--check");
	// Then each is named with what to do, and generating mends them.
	const stale = (name: string) => `crds/generated/${name} is stale: run npm run generate\n`;
	const whole = ["1-crds", "2-policies", "3-roles", "4-operator-accounts", "5-flow-control"];
	t.deepEqual(checked, {
		code: 1,
		text: ["2-policies.yaml", "3-roles.yaml", "9-surplus.yaml"]
			.concat(whole.map((name) => `without-mutation/${name}.yaml`))
			.map(stale)
			.join(""),
	});
	t.is(generated.code, 0);
	t.deepEqual(again, { code: 0, text: "" });
});

test("the policies for older clusters do without what they do not know", (t) => {
	// Given both sets of policies.
	const kinds = (mutating: boolean) => new Set(admissionPolicies({ mutating }).map(({ kind }) => kind));
	// When they are compared.
	// Then the second has no policy that mutates, and no macro of two variables, which came with 1.33.
	const validating = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
	t.deepEqual([...kinds(false)], validating);
	t.is(kinds(true).size, 4);
	const text = JSON.stringify(admissionPolicies({ mutating: false }));
	t.notRegex(text, /transform(List|Map|MapEntry)\(|\.(all|exists|existsOne)\(\w+, \w+, /);
});

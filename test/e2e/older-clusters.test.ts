import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { servesMutatingPolicies } from "../../dev/install.ts";
import { API_SERVER_FLAGS_VARIABLE } from "../support/api-server.ts";
import { ownCluster } from "../support/cluster.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Everything about the API and its policies, and the main story of the operator. */
const files = ["test/crds", "test/operator/walk.test.ts", "test/operator/story.test.ts"];
const resource = "admissionregistration.k8s.io/v1/mutatingadmissionpolic";
const longestMilliseconds = 40 * 60_000;

/** Runs {@link files} as `npm test` does, with these flags for every API server. */
async function runOn(
	t: ExecutionContext,
	flags: readonly string[],
): Promise<{ readonly code: number | null; readonly output: string }> {
	t.timeout(longestMilliseconds);
	const child = spawn(process.execPath, ["test/run.ts", ...files], {
		cwd: root,
		stdio: ["ignore", "pipe", "inherit"],
		env: { ...process.env, [API_SERVER_FLAGS_VARIABLE]: flags.join(" ") },
	});
	let output = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		output += text;
	});
	t.teardown(() => child.kill());
	await once(child, "close");
	return { code: child.exitCode, output };
}

const apiServers: Readonly<Record<string, readonly string[]>> = {
	"mutating policies switched off": [
		"--feature-gates=MutatingAdmissionPolicy=false",
		`--runtime-config=${resource}ies=false,${resource}ybindings=false`,
	],
	// The lowest that this API server can emulate.
	"Kubernetes 1.33 emulated": ["--emulated-version=1.33"],
};

for (const [name, flags] of Object.entries(apiServers)) {
	test.serial(`the same tests pass with ${name}`, async (t) => {
		// Given API servers that serve no MutatingAdmissionPolicy.
		const cluster = await ownCluster({ extraFlags: { "kube-apiserver": flags } });
		t.false(await servesMutatingPolicies(cluster));
		await cluster.stop();
		// When the tests of the policies and of the operator's story run there.
		const { code, output } = await runOn(t, flags);
		// Then all pass, and none is skipped.
		t.is(code, 0, output);
		t.regex(output.trim().split("\n").at(-1) ?? "", /^[1-9]\d+ passed, 0 failed$/, output);
	});
}

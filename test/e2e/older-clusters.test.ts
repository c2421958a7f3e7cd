import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { servesMutatingPolicies } from "../../dev/install.ts";
import { ownCluster } from "../support/cluster.ts";
import { type ExtraFlags, SERVER_FLAGS_VARIABLE } from "../support/server-flags.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Everything about the API and its policies, and the main story of the operator. */
const files = ["test/crds", "test/operator/walk.test.ts", "test/operator/story.test.ts"];
const policies = "admissionregistration.k8s.io/v1/mutatingadmissionpolicies";
const bindings = "admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings";
/** The lowest that these servers can emulate; a test below holds that. */
const emulated = ["--emulated-version=1.33"];
const lower = ["--emulated-version=1.32"];
const longestMilliseconds = 40 * 60_000;

/** Runs {@link files} as `npm test` does, with these flags for the servers of every cluster. */
async function runOn(
	t: ExecutionContext,
	extraFlags: ExtraFlags,
): Promise<{ readonly code: number | null; readonly output: string }> {
	t.timeout(longestMilliseconds);
	const child = spawn(process.execPath, ["test/run.ts", ...files], {
		cwd: root,
		stdio: ["ignore", "pipe", "inherit"],
		env: { ...process.env, [SERVER_FLAGS_VARIABLE]: JSON.stringify(extraFlags) },
	});
	let output = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		output += text;
	});
	t.teardown(() => child.kill());
	await once(child, "close");
	return { code: child.exitCode, output };
}

const clusters: Readonly<Record<string, ExtraFlags>> = {
	"mutating policies switched off": {
		"kube-apiserver": [
			"--feature-gates=MutatingAdmissionPolicy=false",
			`--runtime-config=${policies}=false,${bindings}=false`,
		],
	},
	"Kubernetes 1.33 emulated": {
		"kube-apiserver": emulated,
		"kube-controller-manager": emulated,
		"kube-scheduler": emulated,
	},
};

for (const [name, extraFlags] of Object.entries(clusters)) {
	test.serial(`the same tests pass with ${name}`, async (t) => {
		// Given a cluster that serves no MutatingAdmissionPolicy.
		const cluster = await ownCluster({ extraFlags });
		t.false(await servesMutatingPolicies(cluster));
		await cluster.stop();
		// When the tests of the policies and of the operator's story run there.
		const { code, output } = await runOn(t, extraFlags);
		// Then all pass, and none is skipped.
		t.is(code, 0, output);
		t.regex(output.trim().split("\n").at(-1) ?? "", /^[1-9]\d+ passed, 0 failed$/, output);
	});
}

test.serial("these servers emulate nothing lower", async (t) => {
	// When an API server is to emulate the version before, then it says that it cannot.
	await t.throwsAsync(ownCluster({ extraFlags: { "kube-apiserver": lower } }), {
		message: /emulation version 1\.32 is not between/,
	});
});

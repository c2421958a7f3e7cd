import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { followServiceAccount, isInPod } from "../../kube/service-account.ts";
import { temporaryFolder } from "../support/folder.ts";
import { failureOf } from "./support.ts";

function folderWith(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
	const folder = temporaryFolder(t, "account");
	for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
	return folder;
}

const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };

test("a pod's account is read as the kubelet mounts it, and anew each time", async (t) => {
	// Given the folder of a pod
	const folder = folderWith(t, { token: "one\n", "ca.crt": "authority" });
	const source = followServiceAccount(env, folder);
	t.deepEqual(await source.present(), {
		server: new URL("https://10.0.0.1:6443"),
		tls: { ca: "authority" },
		headers: { Authorization: "Bearer one" },
	});
	// When the kubelet replaces the token
	writeFileSync(join(folder, "token"), "two");
	// Then it is the present one.
	t.like(await source.present(), { headers: { Authorization: "Bearer two" } });
});

test("an address of version 6 is written as URLs want it, and without a port it is 443", async (t) => {
	const folder = folderWith(t, { token: "one", "ca.crt": "authority" });
	const source = followServiceAccount({ KUBERNETES_SERVICE_HOST: "fd00::1" }, folder);
	t.is((await source.present()).server.href, "https://[fd00::1]/");
});

for (const [name, files, variables, says] of [
	["without a token", { "ca.crt": "x" }, env, /cannot read .*token/],
	["with an empty token", { token: "\n", "ca.crt": "x" }, env, /token .* is empty/],
	["without an authority", { token: "x" }, env, /cannot read .*ca\.crt/],
	["outside of a pod", { token: "x", "ca.crt": "x" }, {}, /KUBERNETES_SERVICE_HOST is ""/],
	["with a hostile host", { token: "x", "ca.crt": "x" }, { KUBERNETES_SERVICE_HOST: "a b" }, /is "a b"/],
] as const) {
	test(`${name} there are no credentials`, async (t) => {
		const failure = await failureOf(followServiceAccount(variables, folderWith(t, files)).present());
		t.like(failure, { code: "CONFIG" });
		t.regex((failure as Error).message, says);
	});
}

test("a process is in a pod when it was told of the API server as pods are", (t) => {
	t.true(isInPod(env));
	t.false(isInPod({}));
	t.false(isInPod({ KUBERNETES_SERVICE_HOST: "" }));
});

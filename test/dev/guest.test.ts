import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { GuestError } from "../../dev/guest/errors.ts";
import { openHost } from "../../dev/guest/host.ts";
import { apiObjects, clusterWideReads, labelled, operatorObjects, runOf } from "../../dev/guest/manifests.ts";
import { kindOf } from "../../dev/guest/objects.ts";
import { makingNeeds, missingRightsError } from "../../dev/guest/rights.ts";
import { difference } from "../../dev/guest/same.ts";

const policies = { mutating: true };
const folder = mkdtempSync(join(tmpdir(), "tradingsafety-host-test-"));
test.after.always("no file is left", () => rmSync(folder, { recursive: true, force: true }));

function kubeconfig(name: string, server: string): string {
	const path = join(folder, name);
	const config = {
		apiVersion: "v1",
		kind: "Config",
		clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
		users: [{ name: "u", user: { token: "t" } }],
		contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
		"current-context": "here",
	};
	writeFileSync(path, JSON.stringify(config));
	return path;
}

const refusal = async (file: string | undefined, context?: string, env: NodeJS.ProcessEnv = {}) => {
	try {
		const host = await openHost({ file, context }, env);
		await host.close();
		return `opened ${host.version}`;
	} catch (error) {
		if (error instanceof GuestError) return `${error.code}: ${error.message}`;
		throw error;
	}
};

test("what the API server adds is no difference, anything else is", (t) => {
	// Given a manifest, and the same with what an API server fills in
	const manifest = { kind: "K", metadata: { name: "n" }, spec: { rules: [{ verbs: ["get"] }], on: true } };
	const stored = {
		...manifest,
		metadata: { name: "n", uid: "u", labels: { a: "b" } },
		spec: { rules: [{ verbs: ["get"], scope: "*" }], on: true, selector: {}, matchPolicy: "Equivalent" },
		status: { fine: true },
	};
	// When they are compared with variations of it
	// Then only what means something else counts, and is named
	const { spec } = stored;
	t.is(difference(manifest, stored), undefined);
	t.is(difference(manifest, { ...stored, spec: { ...spec, on: false } }), "spec.on");
	t.is(difference(manifest, { ...stored, spec: { ...spec, rules: [] } }), "spec.rules");
	t.is(difference(manifest, { ...stored, spec: { ...spec, matchPolicy: "Exact" } }), "spec.matchPolicy");
	t.is(difference(manifest, { ...stored, spec: { ...spec, matchConditions: [{}] } }), "spec.matchConditions");
	t.is(difference(manifest, { ...stored, spec: { rules: spec.rules } }), "spec.on");
	const collecting = { aggregationRule: { clusterRoleSelectors: [] } };
	t.is(difference(collecting, { ...collecting, rules: [{ verbs: ["get"] }] }), undefined);
	t.is(difference({ rules: null }, { rules: [{ verbs: ["get"] }] }), "rules");
});

test("everything made can be found again, and the operator may act in the namespace of the desk alone", (t) => {
	// Given a run
	const run = runOf("abc");
	// When its objects are made up
	const made = [
		...apiObjects(policies).map((object) => labelled(object, run, "api")),
		...operatorObjects(run),
	];
	// Then each carries the labels, and is of a kind that the demo knows
	for (const object of made) {
		t.is(object.metadata.labels?.["app.kubernetes.io/managed-by"], "tradingsafety-demo");
		t.is(object.metadata.labels?.["app.kubernetes.io/instance"], "abc");
		t.notThrows(() => kindOf(object));
	}
	// And what counts in the whole cluster only reads
	const verbs = new Set(clusterWideReads().flatMap((rule) => rule.verbs));
	t.deepEqual([...verbs].sort(), ["get", "list", "watch"]);
	const resources = clusterWideReads().flatMap((rule) => rule.resources);
	t.true(resources.includes("tradingsafeties") && !resources.includes("pods"));
	for (const object of operatorObjects(run).filter(({ kind }) => kind === "ClusterRoleBinding")) {
		t.is(object.metadata.name, "tradingsafety-demo-abc");
	}
	// And nothing of it is in another namespace
	const elsewhere = operatorObjects(run)
		.flatMap(({ metadata, subjects = [] }) => [metadata.namespace, ...subjects.map((s) => s.namespace)])
		.filter(
			(namespace) => !["tradingsafety-demo-abc", "tradingsafety-demo-abc-operator"].includes(`${namespace}`),
		);
	t.deepEqual(elsewhere, [undefined, undefined]);
});

test("less is needed where the API is installed, and what is missing is named once each", (t) => {
	// Given the rights for a demo with and without installing
	const run = runOf("abc");
	const all = makingNeeds(run, { policies, installs: true, ownOperator: true });
	const fewer = makingNeeds(run, { policies, installs: false, ownOperator: true });
	// When some are missing
	const { message } = missingRightsError("here", all);
	// Then that is said in one line
	t.true(fewer.length < all.length);
	t.false(fewer.some(({ resource }) => resource === "customresourcedefinitions"));
	t.is(message.split("\n").length, 1);
	t.is(message.match(/customresourcedefinitions/g)?.length, 1);
	t.regex(message, /context here/);
});

test("a kubeconfig that is missing, broken or without the context is said in one line", async (t) => {
	// Given such files
	const good = kubeconfig("good", "http://127.0.0.1:1");
	const broken = join(folder, "broken");
	writeFileSync(broken, "a: [");
	const nowhere = join(folder, "nowhere");
	// When they are used
	// Then each complaint says what is wrong, and names what there is
	t.is(await refusal(nowhere), `NoAccess: there is no kubeconfig at ${nowhere}`);
	t.regex(await refusal(broken), /^NoAccess: .*broken cannot be read as a kubeconfig: [^\n]+$/);
	t.regex(await refusal(good, "there"), /^NoAccess: .* has no context there: it has here$/);
	t.regex(
		await refusal(undefined, "there", { KUBECONFIG: `${nowhere}:${good}` }),
		/good has no context there/,
	);
	t.regex(await refusal(good), /^NoAccess: the cluster http:\/\/127.0.0.1:1 \(context here\): [^\n]+$/);
});

test("an API server that is too old is refused", async (t) => {
	// Given API servers of several versions
	let version = { major: "1", minor: "29", gitVersion: "v1.29.4" };
	const server = createServer((_request, response) => response.end(JSON.stringify(version)));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const file = kubeconfig("old", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
	try {
		// When they are reached
		const old = await refusal(file);
		version = { major: "1", minor: "30+", gitVersion: "v1.30.2-provider" };
		const young = await refusal(file);
		// Then the old one is refused with what is needed, the other is not
		t.regex(old, /^Unsuitable: Kubernetes 1.30 or newer is needed: .* v1.29.4$/);
		t.is(young, "opened v1.30.2-provider");
	} finally {
		server.close();
		server.closeAllConnections();
	}
});

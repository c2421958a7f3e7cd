import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import type { Entry } from "../../audit/entry.ts";
import { createAuthority, issueCertificate } from "../../dev/cluster/pki.ts";
import { freePorts } from "../../dev/cluster/ports.ts";
import { awaitPolicies, installApi } from "../../dev/install.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { deskPath, podsPath } from "../../operator/resources.ts";
import { administrator, TestDesk, target } from "../operator/desk.ts";
import { people } from "../operator/people.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { Place } from "../trail/trails.ts";

const policy = fileURLToPath(new URL("../../crds/generated/kube-audit/policy.yaml", import.meta.url));
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const time = { timeoutMilliseconds: 120_000 };
const token = "0123456789abcdef0123456789abcdef";

/** A cluster whose API server sends its audit events to a trail. */
async function world(t: ExecutionContext) {
	const place = await Place.open(t);
	const [port = 0] = await freePorts(1);
	writeFileSync(place.path("token"), token, { mode: 0o600 });
	// An API server shows its token over TLS alone.
	const authority = await createAuthority("authority of the trail");
	const server = { commonName: "trail", ipAddresses: ["127.0.0.1"], usage: "Server" } as const;
	const { certificate, key } = await issueCertificate(authority, server);
	writeFileSync(place.path("tls.pem"), certificate);
	writeFileSync(place.path("tls.key"), key, { mode: 0o600 });
	writeFileSync(place.path("webhook.yaml"), webhook(port, authority.certificate), { mode: 0o600 });
	const start = () =>
		place.trail("trail-0", [
			...["--http-port", String(port), "--kube-audit-token", place.path("token")],
			...["--tls-cert", place.path("tls.pem"), "--tls-key", place.path("tls.key")],
		]);
	// First, so that nobody else takes its port.
	const trail = await start();
	const cluster = await ownCluster({
		extraFlags: {
			"kube-apiserver": [
				`--audit-policy-file=${policy}`,
				`--audit-webhook-config-file=${place.path("webhook.yaml")}`,
				"--audit-webhook-batch-max-size=100",
				"--audit-webhook-batch-max-wait=500ms",
				"--audit-webhook-initial-backoff=5s",
				"--audit-webhook-truncate-enabled",
			],
		},
	});
	const clientOf = async (name: string) => {
		const kubeconfig = await cluster.kubeconfigFor({ name });
		const client = new Client(await connect(loadKubeConfig(kubeconfig), { sockets: 4 }));
		t.teardown(() => client.close());
		return client;
	};
	return { place, start, trail, cluster, clientOf };
}

function webhook(port: number, authority: string): string {
	const data = Buffer.from(authority).toString("base64");
	return `apiVersion: v1
kind: Config
clusters:
  - name: trail
    cluster: { server: "https://127.0.0.1:${port}/kube-audit", certificate-authority-data: "${data}" }
users: [{ name: trail, user: { token: "${token}" } }]
contexts: [{ name: trail, context: { cluster: trail, user: trail } }]
current-context: trail
`;
}

/** Something that must be refused. */
async function refused(t: ExecutionContext, act: () => Promise<unknown>): Promise<void> {
	const error = await t.throwsAsync(act());
	t.true(isKubeError(error), String(error));
}

test("what API servers refuse, and what changes what they refuse by, is in the record", async (t) => {
	t.timeout(600_000);
	const { place, start, cluster, clientOf, ...rest } = await world(t);
	let { trail } = rest;
	await installApi(cluster);
	await awaitPolicies(cluster);
	const desk = await TestDesk.create(t, { cluster });
	await until("the desk can be made", () => desk.govern({ targets: [target("bots", "Bot")] }));
	await desk.patch({ mode: "Emergency" });
	const { requester, approver } = await people(t, desk);
	const eve = await clientOf("eve");
	const entries = async (kind: Entry["kind"], fits: (entry: Entry) => boolean) =>
		(await place.entries()).filter((entry) => entry.kind === kind && fits(entry));
	const recorded = (what: string, kind: Entry["kind"], fits: (entry: Entry) => boolean) =>
		until(`${what} is in the store`, async () => (await entries(kind, fits))[0], time);

	// Then who made and raised it is recorded, with the generation that it got
	const made = await recorded(
		"the desk",
		"Configuration",
		({ action, entity }) => action === "create" && entity.id === `${desk.namespace}/desk`,
	);
	t.like(made, {
		actor: { name: administrator },
		entity: { type: "TradingSafety", uid: (await desk.get()).metadata.uid },
	});
	const raised = await recorded(
		"the raise",
		"Configuration",
		({ changes }) => changes?.[0]?.to === '{"mode":"Emergency"}',
	);
	t.is(raised.metadata?.generation, String((await desk.get()).metadata.generation));

	// When somebody without rights, and somebody without clearance, lower it
	await refused(t, () => desk.patch({ mode: "Pause", reason: "please" }, eve));
	await refused(t, () => desk.patch({ mode: "Pause", reason: "please" }, requester.client));
	// Then each is recorded, with who, what, and who refused
	const byRights = await recorded("a denial by rights", "Denied", ({ actor }) => actor.name === "eve");
	t.like(byRights, { action: "patch", entity: { type: "TradingSafety", id: `${desk.namespace}/desk` } });
	t.like(byRights.metadata, { by: "Rights", code: "403", sourceIPs: "127.0.0.1" });
	t.true(byRights.actor.groups?.includes("system:authenticated"));
	const byPolicy = await recorded(
		"a denial by policy",
		"Denied",
		({ actor }) => actor.name === requester.name,
	);
	t.like(byPolicy.metadata, { by: "Policy", policy: "tradingsafety-change", code: "403" });
	t.deepEqual(byPolicy.changes, [{ path: "/spec", to: JSON.stringify({ mode: "Pause", reason: "please" }) }]);
	// And what only asks what would be is not
	const path = deskPath(desk.namespace);
	await refused(t, () => eve.patch(path, { spec: { mode: "Normal" } }, { type: "merge", dryRun: true }));

	// When something makes a pod of a halted target again and again
	const pod = (name: string) => ({
		...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app: "bots" } } },
		spec: { containers: [{ name: "bot", image: "bot" }] },
	});
	for (let at = 0; at < 200; at += 1) {
		await refused(t, () => desk.admin.create(podsPath(desk.namespace), pod(`bot-${at}`)));
	}
	// Then it is recorded at once, and the others are counted
	const fenced = ({ metadata }: Entry) => metadata?.policy === "tradingsafety-fence";
	const first = await recorded("a pod that was refused", "Denied", fenced);
	t.like(first, { action: "create", entity: { type: "Pod", id: `${desk.namespace}/bot-0` } });
	t.is(first.metadata?.repeated, undefined);

	// When an administrator takes a binding of a policy away, and a role gets another verb
	await desk.admin.delete(`${bindings}/tradingsafety-labels-strict`);
	const verb = { type: "json" } as const;
	const step = [{ op: "add", path: "/rules/0/verbs/-", value: "clear" }];
	await desk.admin.patch(`${rbac}/clusterroles/tradingsafety-resetter`, step, verb);
	const subjects = [{ kind: "User", name: "eve", apiGroup: "rbac.authorization.k8s.io" }];
	const binding = `${rbac}/namespaces/${desk.namespace}/rolebindings/${requester.name}`;
	await desk.admin.patch(binding, { subjects }, { type: "merge" });
	// Then each is recorded, also where only the role that a binding is of is ours
	const of = (type: string, id: string) => (entry: Entry) =>
		entry.entity.type === type && entry.entity.id === id && entry.actor.name === administrator;
	const gone = await recorded(
		"the binding",
		"Access",
		(entry) =>
			of("ValidatingAdmissionPolicyBinding", "tradingsafety-labels-strict")(entry) &&
			entry.action === "delete",
	);
	t.truthy(gone.metadata?.auditID);
	const role = await recorded(
		"the role",
		"Access",
		(entry) => of("ClusterRole", "tradingsafety-resetter")(entry) && entry.changes?.[0]?.path === "/0",
	);
	t.deepEqual(role.changes, [{ path: "/0", to: JSON.stringify(step[0]) }]);
	const bound = await recorded(
		"the binding of a role",
		"Access",
		(entry) => of("RoleBinding", `${desk.namespace}/${requester.name}`)(entry) && entry.action === "patch",
	);
	t.deepEqual(bound.changes, [{ path: "/subjects", to: JSON.stringify(subjects) }]);

	// When the trail is killed, then nobody waits for it, and what happens meanwhile is recorded when it is back
	await trail.end("SIGKILL");
	const before = performance.now();
	await refused(t, () => desk.patch({ mode: "Pause", reason: "while it is away" }, approver.client));
	await desk.patch({ mode: "Emergency", reason: "a raise" });
	t.true(performance.now() - before < 5_000);
	await until("the label is changed", () =>
		desk.admin.patch(
			`/api/v1/namespaces/${desk.namespace}`,
			{ metadata: { labels: { "tradingsafety.dev/enforce": "strict" } } },
			{ type: "merge" },
		),
	);
	trail = await start();
	const label = await recorded(
		"the label",
		"Access",
		(entry) => of("Namespace", desk.namespace)(entry) && entry.action === "patch",
	);
	t.is(label.metadata?.["tradingsafety.dev/enforce"], "strict");
	await recorded("the denial meanwhile", "Denied", ({ changes }) =>
		/while it is away/.test(changes?.[0]?.to ?? ""),
	);

	// Then, when it ends, all is in few entries, nothing is there that only asked, and the auditor finds it good
	t.is(await trail.end(), 0);
	const pods = await entries("Denied", fenced);
	t.true(pods.length <= 5, `${pods.length} entries about pods`);
	t.is((await entries("Denied", ({ actor }) => actor.name === "eve")).length, 1);
	const all = await place.entries();
	t.is(all.filter(({ action }) => action === "attempts-heard").length, 2);
	const good = await place.verify();
	t.is(good.code, 0, good.out + good.err);
	const report = await place.audit("report", "--format", "csv");
	t.regex(
		report.out,
		/"# denied attempts","trail-0-[0-9a-f]{8} said that it was told of them, from .*it was first told/,
	);
});

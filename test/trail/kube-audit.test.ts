import { readFileSync } from "node:fs";
import test from "ava";
import { judgeEvent } from "../../trail/kube-audit.ts";
import { isKubeEvent, type KubeEvent } from "../../trail/kube-event.ts";

/** What an API server of Kubernetes 1.36 has sent by the generated policy, and what is to become of each, a line each. */
const recorded = readFileSync(new URL("events.ndjson", import.meta.url), "utf8")
	.trimEnd()
	.split("\n")
	.map((line) => JSON.parse(line) as { readonly is: string; readonly event: unknown });

function read(event: unknown): KubeEvent {
	if (!isKubeEvent(event)) throw new Error("this is no audit event");
	return event;
}

function becomes(event: KubeEvent): string {
	const judged = judgeEvent(event);
	if (judged.kind === "Ignored") return "Ignored";
	const { kind, action, entity, actor } = judged.happening;
	const by = judged.kind === "Denied" ? ` by ${judged.by}` : "";
	return `${kind}${by}: ${actor.name} ${action} ${entity.type} ${entity.id}`;
}

/** One of them. */
const one = (is: string) => read(recorded.find((line) => line.is === is)?.event);

for (const [at, { is, event }] of recorded.entries()) {
	const { verb, objectRef, responseStatus } = read(event);
	test(`${at + 1}: ${verb} ${objectRef?.resource}, ${responseStatus?.code}: ${is}`, (t) => {
		t.is(becomes(read(event)), is);
	});
}

test("who it was, from where and with which credential stands beside what they did", (t) => {
	const judged = judgeEvent(one("Access: ann-admin patch RoleBinding desk-a/rosa"));
	if (judged.kind !== "Changed") return t.fail(judged.kind);
	const { actor, metadata, changes } = judged.happening;
	t.deepEqual(actor.groups, ["system:masters", "system:authenticated"]);
	t.regex(actor.via ?? "", /^kubectl/);
	t.like(metadata, { sourceIPs: "127.0.0.1" });
	t.regex(metadata?.credential ?? "", /^X509SHA256=[0-9a-f]{64}$/);
	t.regex(metadata?.auditID ?? "", /^[0-9a-f-]{36}$/);
	t.deepEqual(changes, [
		{ path: "/subjects", to: '[{"kind":"User","name":"eve","apiGroup":"rbac.authorization.k8s.io"}]' },
	]);
});

test("whoever acts as somebody else is named, and as whom", (t) => {
	const event = one("Denied by Rights: eve get Secret tradingsafety-system/tradingsafety-raise-key");
	const judged = judgeEvent({ ...event, impersonatedUser: { username: "rosa" } });
	if (judged.kind !== "Denied") return t.fail(judged.kind);
	t.like(judged.happening, { actor: { name: "eve" }, metadata: { actedAs: "rosa" } });
	const plain = judgeEvent(event);
	t.not(plain.kind === "Denied" ? plain.key : "", judged.key);
});

test("what is in a Secret is in no entry, even when an API server sends it", (t) => {
	const event = one("Access: ann-admin create Secret tradingsafety-system/tradingsafety-permit-key");
	const secret = { data: { key: "dmVyeXNlY3JldA==" } };
	const judged = judgeEvent({ ...event, requestObject: secret, responseObject: secret });
	t.is(judged.kind, "Changed");
	t.false(JSON.stringify(judged).includes("dmVyeXNlY3JldA"));
});

test("whatever may take the label from a namespace counts, and what cannot does not", (t) => {
	const event = one("Access: ann-admin patch Namespace desk-a");
	const label = "tradingsafety.dev/enforce";
	const patched = (requestObject: unknown) => becomes({ ...event, requestObject }) !== "Ignored";
	for (const [patch, counts] of [
		[{ metadata: { labels: { [label]: null } } }, true],
		[{ metadata: { labels: null } }, true],
		[{ metadata: null }, true],
		[{ metadata: { labels: { $patch: "replace", team: "red" } } }, true],
		[[{ op: "remove", path: "/metadata/labels/tradingsafety.dev~1enforce" }], true],
		[[{ op: "replace", path: "/metadata/labels", value: {} }], true],
		[[{ op: "move", from: "/metadata/labels", path: "/metadata/annotations" }], true],
		[{ apiVersion: "v1", kind: "Namespace", metadata: { name: "desk-a" } }, true],
		[{ metadata: { labels: { team: "red" } } }, false],
		[{ metadata: { annotations: { a: "b" } } }, false],
		[[{ op: "add", path: "/metadata/labels/team", value: "red" }], false],
	] as const) {
		t.is(patched(patch), counts, JSON.stringify(patch));
	}
	t.true(becomes({ ...event, verb: "update", requestObject: {} }) !== "Ignored");
	t.true(becomes({ ...event, verb: "delete", requestObject: {} }) !== "Ignored");
	t.is(becomes({ ...event, verb: "delete", requestObject: { dryRun: ["All"] } }), "Ignored");
});

test("a binding counts by the role that it is of, a role by what it is over", (t) => {
	const binding = one("Access: ann-admin create RoleBinding desk-a/rosa");
	const of = (name: string) => {
		const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name };
		return (
			becomes({ ...binding, requestObject: { subjects: [] }, responseObject: { roleRef } }) !== "Ignored"
		);
	};
	t.deepEqual(["tradingsafety-approver", "cluster-admin", "view"].map(of), [true, true, false]);
	const role = one("Access: ann-admin create ClusterRole everything");
	const over = (apiGroups: readonly string[], resources: readonly string[]) =>
		becomes({
			...role,
			requestObject: {},
			responseObject: { rules: [{ apiGroups, resources, verbs: ["get"] }] },
		}) !== "Ignored";
	t.true(over(["*"], ["pods"]));
	t.true(over(["apps", "tradingsafety.dev"], ["*"]));
	t.false(over(["apps"], ["*"]));
});

test("only an answer that is the last one of a request counts", (t) => {
	const event = one("Denied by Rights: eve get Secret tradingsafety-system/tradingsafety-raise-key");
	for (const [stage, is] of [
		["RequestReceived", "Ignored"],
		["ResponseStarted", "Ignored"],
		["Panic", becomes(event)],
	] as const) {
		t.is(becomes({ ...event, stage }), is);
	}
});

import test from "ava";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { recordsPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import { openWorld, type World } from "./cast.ts";
import {
	type Desk,
	deskObject,
	deskPath,
	newDesk,
	outcome,
	ownerObject,
	podObject,
	podPath,
} from "./desk.ts";

// Who may do what, as one table. Unlike the cast of the other files these people hold nothing but the ClusterRole
// of their column and, as people of a desk do, `edit` in its namespace.

const people = [
	"edit",
	"viewer",
	"raiser",
	"resetter",
	"approver",
	"configurer",
	"overrider",
	"operator",
	"leader",
	"admin",
] as const;
type Who = (typeof people)[number];

/** + allowed, p denied by a policy of ours, r denied by RBAC, i refused as invalid. In the order of `people`. */
type Verdicts = string;

let world: World;
const clients = new Map<Who, Client>();
const names = new Map<Client, string>();
/** In Emergency, after Normal, cleared for nothing, with a target held and a Deployment at zero. */
let halted: Desk;
/** In Pause, with a clearance for its generation. */
let cleared: Desk;
let normal: Desk;
let empty: Desk;

test.before(async () => {
	world = await openWorld();
	const targets = [{ name: "strat", fencedAs: "Emergency" as const }];
	[halted, cleared, normal, empty] = await Promise.all([
		newDesk(world, { mode: "Emergency" }, { status: { wasNormal: true, targets } }),
		newDesk(world, { mode: "Pause" }, { status: { wasNormal: true } }),
		newDesk(world, { mode: "Normal" }, { status: { wasNormal: true } }),
		newDesk(world, {}, { empty: true }),
	]);
	await cleared.clear();
	const deployment = ownerObject("Deployment", { app: "bot" }, 0);
	await world.admin.create(`/apis/apps/v1/namespaces/${halted.namespace}/deployments`, deployment);
	await world.admin.create(recordsPath(halted.namespace), record);
	for (const who of people) {
		const client = await clientOf(who);
		clients.set(who, client);
		names.set(client, nameOf(who));
	}
});

test.after.always("the connections are closed", async () => {
	const own = [...clients].filter(([who]) => !["operator", "leader", "admin"].includes(who));
	await Promise.all(own.map(([, client]) => client.close()));
});

/** A lowering carries its author, which a policy that stamps would add. */
const signed = (client: Client, mode: "Pause" | "Normal") => ({
	mode,
	reason: "x",
	setBy: names.get(client),
});

const record = {
	apiVersion: "tradingsafety.dev/v1alpha1",
	kind: "RestoreRecord",
	metadata: { name: "some-uid" },
	spec: {
		workload: { apiVersion: "apps/v1", kind: "Deployment", name: "owner", uid: "some-uid" },
		replicas: 2,
		target: "bots",
		generation: 1,
		recordedBy: "a test",
	},
};

/** The user name of each: a name of this run, where RBAC does not know it already. */
function nameOf(who: Who): string {
	if (who === "admin") return "admin";
	const isAccount = who === "operator" || who === "leader";
	return isAccount
		? `system:serviceaccount:tradingsafety-system:tradingsafety-${who}`
		: `${who}-${halted.namespace}`;
}

function asRole<T>(who: Who, act: (client: Client) => T): T {
	const client = clients.get(who);
	if (client === undefined) throw new Error(`no ${who}`);
	return act(client);
}

async function clientOf(who: Who): Promise<Client> {
	if (who === "admin") return world.admin;
	if (who === "operator" || who === "leader") return world.account(`tradingsafety-${who}`);
	const name = nameOf(who);
	const group = "rbac.authorization.k8s.io";
	for (const { namespace } of [halted, cleared, normal, empty]) {
		await world.admin.create(`/apis/${group}/v1/namespaces/${namespace}/rolebindings`, {
			apiVersion: `${group}/v1`,
			kind: "RoleBinding",
			metadata: { name: `${name}-edit` },
			roleRef: { apiGroup: group, kind: "ClusterRole", name: "edit" },
			subjects: [{ kind: "User", name, apiGroup: group }],
		});
	}
	// The cast binds each generated ClusterRole to a group of its name.
	const groups = who === "edit" ? [] : [`tradingsafety-${who}`];
	const client = new Client(
		await connect(loadKubeConfig(await world.cluster.kubeconfigFor({ name, groups }))),
	);
	await until(`the rights of ${who} are in force`, async () => {
		const mayEdit = await outcome(client.list(podPath(empty.namespace)));
		const maySee = who === "edit" ? "allowed" : await outcome(client.list(deskPath(empty.namespace)));
		return mayEdit === "allowed" && maySee === "allowed";
	});
	return client;
}

const dry = { dryRun: "All" } as const;
const remove = { dryRun: ["All"] };
const merge = { type: "merge", dryRun: true } as const;
const admission = "/apis/admissionregistration.k8s.io/v1";
const definition =
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tradingsafeties.tradingsafety.dev";
const strat = { name: "strat", fencedAs: "Emergency" };
const request = (by: string) => ({
	resetRequest: { fromMode: "Emergency", tripId: "", toMode: "Pause", reason: "r", requestedBy: by },
});
const create = (client: Client, spec: object, name = "desk") =>
	client.create(deskPath(empty.namespace), deskObject(spec, name), dry);
const deployments = () => `/apis/apps/v1/namespaces/${halted.namespace}/deployments`;

type Attempt = readonly [what: string, verdicts: Verdicts, attempt: (client: Client) => Promise<unknown>];
const attempts: readonly Attempt[] = [
	["raise", "rr++++++r+", (c) => normal.patch(c, { mode: "Emergency" }, true)],
	["freeze", "rr++++++r+", (c) => normal.patch(c, { freeze: true }, true)],
	[
		"raise and change something else",
		"rrpppppprp",
		(c) => normal.patch(c, { mode: "Pause", targets: [] }, true),
	],
	["lower without clearance", "rrpppp+pr+", (c) => halted.patch(c, signed(c, "Pause"), true)],
	["lower with clearance", "rrp+pp+pr+", (c) => cleared.patch(c, signed(c, "Normal"), true)],
	["lower without a reason", "rrpppppprp", (c) => cleared.patch(c, { mode: "Normal" }, true)],
	["skip a step", "rrpppppprp", (c) => halted.patch(c, { mode: "Normal", reason: "x" }, true)],
	["sign for somebody else", "rrpppppprp", (c) => halted.patch(c, request("somebody"), true)],
	["configure in Normal", "rrppp++pr+", (c) => normal.patch(c, { reset: { approvals: 2 } }, true)],
	["configure while halted", "rrpppp+pr+", (c) => halted.patch(c, { reset: { approvals: 2 } }, true)],
	["empty the targets while halted", "rrpppp+pr+", (c) => halted.patch(c, { targets: [] }, true)],
	["create in Pause", "rrrrr++rr+", (c) => create(c, {})],
	["create in Normal", "rrrrrp+rr+", (c) => create(c, { mode: "Normal" })],
	["create with a request", "rrrrrpprrp", (c) => create(c, request("x"))],
	["create a second", "rrrrrpprrp", (c) => create(c, {}, "other")],
	["delete in Normal", "rrrrr++rr+", (c) => c.delete(normal.path, remove)],
	["delete while halted", "rrrrrp+rr+", (c) => c.delete(halted.path, remove)],
	["delete all", "rrrrrrrrr+", (c) => c.delete(deskPath(halted.namespace), remove)],
	["write status", "rrrrrrr+++", (c) => halted.status(c, { modeInForce: "Normal" }, true)],
	["clear", "rrrrrrrp++", (c) => halted.status(c, { clearance: { generation: 1, toMode: "Pause" } }, true)],
	["release", "rrrrrrrp++", (c) => halted.status(c, { targets: [{ ...strat, fencedAs: "Normal" }] }, true)],
	[
		"allow a start",
		"rrrrrrrp++",
		(c) => halted.status(c, { targets: [{ ...strat, startAllowed: true }] }, true),
	],
	["forget that it was Normal", "rrrrrrrp++", (c) => halted.status(c, { wasNormal: false }, true)],
	[
		"take the label off",
		"rrrrrrrrr+",
		(c) =>
			c.patch(
				`/api/v1/namespaces/${halted.namespace}`,
				{ metadata: { labels: { "tradingsafety.dev/enforce": null } } },
				merge,
			),
	],
	["delete the definition", "rrrrrrrrrp", (c) => c.delete(definition, remove)],
	// Policies cannot guard policies: docs/security.md.
	[
		"delete the fence",
		"rrrrrrrrr+",
		(c) => c.delete(`${admission}/validatingadmissionpolicies/tradingsafety-fence`, remove),
	],
	["start a pod", "pppppppprp", (c) => c.create(podPath(halted.namespace), podObject({ app: "bot" }), dry)],
	[
		"start a probe",
		"pppppppprp",
		(c) => c.create(podPath(normal.namespace), podObject({ "tradingsafety.dev/probe": "x" }), dry),
	],
	[
		"start an owner",
		"ppppppprrp",
		(c) => {
			const owner = ownerObject("Deployment", { app: "strat" }, 1) as { metadata: object };
			return c.create(deployments(), { ...owner, metadata: { name: "another" } }, dry);
		},
	],
	["grow an owner", "ppppppprrp", (c) => c.patch(`${deployments()}/owner`, { spec: { replicas: 2 } }, merge)],
	[
		"grow it by scale",
		"pppppppppp",
		(c) => c.patch(`${deployments()}/owner/scale`, { spec: { replicas: 2 } }, merge),
	],
	[
		"make a record",
		"rrrrrrr+r+",
		(c) => c.create(recordsPath(halted.namespace), { ...record, metadata: { name: "planted" } }, dry),
	],
	[
		"edit a record",
		"rrrrrrriri",
		(c) => c.patch(recordsPath(halted.namespace, "some-uid"), { spec: { replicas: 9 } }, merge),
	],
	["delete a record", "rrrrrrrr++", (c) => c.delete(recordsPath(halted.namespace, "some-uid"), remove)],
];

/** Whose words a refusal is. */
function verdict(said: string): string {
	if (said === "allowed") return "+";
	if (/^denied: /.test(said)) return "p";
	if (/cannot \S+ resource/.test(said)) return "r";
	return /422|is invalid/.test(said) ? "i" : said;
}

for (const [what, verdicts, attempt] of attempts) {
	test(`who may ${what}: ${verdicts}`, async (t) => {
		const found: string[] = [];
		for (const who of people) {
			// Given somebody with the rights of one role
			// When they try
			found.push(verdict(await outcome(asRole(who, attempt))));
		}
		// Then policy, RBAC or nothing refuses it
		const told = (said: readonly string[]) => people.map((who, i) => `${who} ${said[i]}`);
		t.deepEqual(told(found), told([...verdicts]));
	});
}

test("an approval is one's own, by the right to approve, and never to one's own request", async (t) => {
	// Given a request of the resetter
	const desk = await newDesk(world, { mode: "Emergency" });
	await asRole("resetter", (client) => desk.patch(client, request(nameOf("resetter"))));
	const found: string[] = [];
	for (const who of people) {
		// When each approves, in their own name
		const approvals = { [nameOf(who)]: {} };
		const said = asRole(who, (client) => desk.patch(client, { resetRequest: { approvals } }, true));
		found.push(verdict(await outcome(said)));
	}
	// Then only the approver may
	t.is(found.join(""), "rrpp+pppr+");
});

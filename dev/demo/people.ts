import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { writeAtomically } from "../cluster/files.ts";
import { deskPath, type Place } from "./place.ts";

/** The people of the demo and the ClusterRoles that each is bound to in the namespace of the desk. */
export const roles = {
	"rita-raises": ["tradingsafety-raiser"],
	"lee-resets": ["tradingsafety-resetter", "tradingsafety-configurer"],
	"ann-approves": ["tradingsafety-approver"],
	"otto-overrides": ["tradingsafety-overrider"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** A person of the demo, and name of their context in the kubeconfig. */
export type Person = keyof typeof roles;
export const people = Object.keys(roles) as readonly Person[];

/** What the API server said no to, and why; undefined when it said yes. */
export type Refused = string | undefined;

/** Acting as the people of the demo. */
export type Cast = {
	/** A kubeconfig with one context per person, each in the namespace of the desk. */
	readonly kubeconfig: string;
	/** Name of a person as the API server knows them. */
	readonly user: (person: Person) => string;
	/** Creates an object at the path of its collection, as a person. */
	readonly create: (person: Person, path: string, object: object) => Promise<Refused>;
	/** Merges a patch into the spec of the desk, as a person. */
	readonly patch: (person: Person, spec: object) => Promise<Refused>;
	readonly close: () => Promise<void>;
};

/** Who logs in how, in the words of a kubeconfig. */
export type Login = {
	/** The field `cluster` of an entry of `clusters`. */
	readonly cluster: object;
	/** The field `user` of an entry of `users`. */
	readonly users: Readonly<Record<Person, object>>;
	readonly user: (person: Person) => string;
};

/** Writes the kubeconfig of all people to `path` and opens a connection for each. */
export async function gatherCast(
	path: string,
	{ cluster, users, user }: Login,
	place: Pick<Place, "namespace">,
): Promise<Cast> {
	const { namespace } = place;
	const config = {
		apiVersion: "v1",
		kind: "Config",
		clusters: [{ name: "demo", cluster }],
		users: people.map((name) => ({ name, user: users[name] })),
		contexts: people.map((name) => ({ name, context: { cluster: "demo", user: name, namespace } })),
		"current-context": people[0],
	};
	writeAtomically(path, `${JSON.stringify(config, undefined, 2)}\n`);
	const clients = new Map<Person, Client>();
	for (const person of people) {
		const connection = await connect(loadKubeConfig(path, person), { sockets: 2 });
		clients.set(person, new Client(connection, { userAgent: person }));
	}
	const as = async (person: Person, act: (client: Client) => Promise<unknown>): Promise<Refused> => {
		const client = clients.get(person);
		if (client === undefined) throw new TypeError(`nobody is called ${person}`);
		try {
			await act(client);
			return undefined;
		} catch (error) {
			if (!isKubeError(error)) throw error;
			return error.message;
		}
	};
	return {
		kubeconfig: path,
		user,
		create: (person, collection, object) => as(person, (client) => client.create(collection, object)),
		patch: (person, spec) => {
			// Where no policy can stamp who did it, a lowering must be signed.
			const signed = "mode" in spec || "freeze" in spec ? { ...spec, setBy: user(person) } : spec;
			return as(person, (client) => client.patch(deskPath(place), { spec: signed }, { type: "merge" }));
		},
		close: async () => {
			await Promise.all([...clients.values()].map((client) => client.close()));
		},
	};
}

/** What binds the people, as whom `subject` says they are, to their roles; all may also look at the workloads. */
export function roleBindings(namespace: string, subject: (person: Person) => object): readonly object[] {
	const group = "rbac.authorization.k8s.io";
	const bind = (name: string, role: string, subjects: readonly object[]) => ({
		apiVersion: `${group}/v1`,
		kind: "RoleBinding",
		metadata: { name, namespace },
		roleRef: { apiGroup: group, kind: "ClusterRole", name: role },
		subjects,
	});
	return [
		bind("everyone-looks", "view", people.map(subject)),
		...people.flatMap((person) =>
			roles[person].map((role) => bind(`${person}-${role}`, role, [subject(person)])),
		),
	];
}

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterAccess } from "./cluster/access.ts";
import { waitFor } from "./cluster/deadline.ts";
import { ClusterError } from "./cluster/errors.ts";
import { kubectl } from "./cluster/kubectl.ts";

const generated = fileURLToPath(new URL("../crds/generated", import.meta.url));
const admissionGroup = "/apis/admissionregistration.k8s.io/v1";
/** An API server that resolved the policies before the new kinds looks again after 30 s. */
const longestMilliseconds = 90_000;

/**
 * Applies the API, its policies, roles and accounts as an administrator would, and waits until they judge at every API server.
 * The kinds first: policies that are read before their parameter's kind is known deny for up to 30 s.
 */
export async function installApi(cluster: ClusterAccess): Promise<void> {
	const folder = (await servesMutatingPolicies(cluster)) ? generated : join(generated, "without-mutation");
	await run(cluster, ["apply", "--server-side", "-f", join(folder, "1-crds.yaml")]);
	await waitFor("the new kinds are served", () => areEstablished(cluster), {
		timeoutMilliseconds: longestMilliseconds,
		intervalMilliseconds: 100,
	});
	await run(cluster, ["apply", "--server-side", "-f", folder]);
	await Promise.all(cluster.servers.map((_, apiServer) => awaitPolicies(cluster.at(apiServer))));
}

/** `kubectl wait` ends with an error while a definition has no conditions at all. */
async function areEstablished(cluster: ClusterAccess): Promise<boolean> {
	const { items } = JSON.parse(await run(cluster, ["get", "crd", "--output", "json"])) as {
		readonly items: readonly {
			readonly status?: {
				readonly conditions?: readonly { readonly type: string; readonly status: string }[];
			};
		}[];
	};
	return items.every(({ status }) =>
		status?.conditions?.some(({ type, status: found }) => type === "Established" && found === "True"),
	);
}

/** True when the API server serves MutatingAdmissionPolicy as v1; false asks for `crds/generated/without-mutation/`. */
export async function servesMutatingPolicies(cluster: ClusterAccess): Promise<boolean> {
	const answer = JSON.parse(await run(cluster, ["get", "--raw", admissionGroup])) as {
		readonly resources: readonly { readonly name: string }[];
	};
	return answer.resources.some(({ name }) => name === "mutatingadmissionpolicies");
}

/**
 * Waits until the API server judges by the policies instead of refusing because it does not know the kinds yet:
 * after they were made, and after its own start.
 */
export async function awaitPolicies(cluster: ClusterAccess): Promise<void> {
	const name = `tradingsafety-check-${randomBytes(4).toString("hex")}`;
	const namespace = {
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name, labels: { "tradingsafety.dev/enforce": "targets" } },
	};
	const tried = [
		{
			apiVersion: "tradingsafety.dev/v1alpha1",
			kind: "TradingSafety",
			metadata: { name: "desk", namespace: name },
			spec: {},
		},
		{
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: "check", namespace: name },
			spec: { containers: [{ name: "check", image: "check" }] },
		},
	];
	await run(cluster, ["apply", "--server-side", "-f", "-"], namespace);
	const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: tried });
	await waitFor(
		"the API server judges by the policies",
		async () => {
			const { code, stderr } = await kubectl(cluster, ["create", "--dry-run=server", "-f", "-"], { input });
			if (code !== 0) throw new ClusterError("StartFailed", stderr.trim());
			return true;
		},
		{ timeoutMilliseconds: longestMilliseconds, intervalMilliseconds: 200 },
	);
	await run(cluster, ["delete", "namespace", name, "--wait=false"]);
}

async function run(cluster: ClusterAccess, args: readonly string[], input?: object): Promise<string> {
	const options = input === undefined ? {} : { input: JSON.stringify(input) };
	const { code, stdout, stderr } = await kubectl(cluster, args, options);
	if (code !== 0) throw new ClusterError("StartFailed", `kubectl ${args.join(" ")}: ${stderr.trim()}`);
	return stdout;
}

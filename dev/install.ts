import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterAccess } from "./cluster/access.ts";
import { waitFor } from "./cluster/deadline.ts";
import { ClusterError } from "./cluster/errors.ts";
import { kubectl } from "./cluster/kubectl.ts";

const generated = fileURLToPath(new URL("../crds/generated", import.meta.url));
/** An API server that resolved the policies before the new kinds looks again after 30 s. */
const longestMilliseconds = 90_000;

/**
 * Applies the API, its policies, roles and accounts as an administrator would, and waits until they judge at every API server.
 * The kinds first: policies that are read before their parameter's kind is known deny for up to 30 s.
 */
export async function installApi(cluster: ClusterAccess): Promise<void> {
	await run(cluster, ["apply", "--server-side", "-f", join(generated, "1-crds.yaml")]);
	await run(cluster, ["wait", "crd", "--all", "--for=condition=Established", "--timeout=25s"]);
	await run(cluster, ["apply", "--server-side", "-f", generated]);
	await Promise.all(cluster.servers.map((_, apiServer) => awaitPolicies(cluster.at(apiServer))));
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

async function run(cluster: ClusterAccess, args: readonly string[], input?: object): Promise<void> {
	const options = input === undefined ? {} : { input: JSON.stringify(input) };
	const { code, stderr } = await kubectl(cluster, args, options);
	if (code !== 0) throw new ClusterError("StartFailed", `kubectl ${args.join(" ")}: ${stderr.trim()}`);
}

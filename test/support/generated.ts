import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { until } from "./until.ts";

const GENERATED = fileURLToPath(new URL("../../crds/generated", import.meta.url));

/** Applies the custom resources and policies of this repository and waits until the API server serves them. */
export async function applyGenerated(cluster: ClusterAccess): Promise<void> {
	if (!existsSync(GENERATED)) return;
	const applied = await kubectl(cluster, ["apply", "--server-side", "-f", GENERATED]);
	if (applied.code !== 0) throw new Error(`crds/generated cannot be applied: ${applied.stderr}`);
	const served = await kubectl(cluster, [
		"wait",
		"crd",
		"--all",
		"--for=condition=Established",
		"--timeout=25s",
	]);
	if (served.code !== 0) throw new Error(`the custom resources are not served: ${served.stderr}`);
	// The policies look their parameter's kind up by discovery, which is some time behind.
	await until("the policies know their parameter", async () => {
		const tried = await kubectl(cluster, ["create", "--dry-run=server", "-f", "-"], { input: sampleDesk });
		if (tried.code !== 0) throw new Error(tried.stderr);
		return true;
	});
}

const sampleDesk = JSON.stringify({
	apiVersion: "tradingsafety.dev/v1alpha1",
	kind: "TradingSafety",
	metadata: { name: "desk", namespace: "default" },
	spec: {},
});

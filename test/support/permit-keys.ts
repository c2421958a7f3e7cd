import { operatorNamespace, permitKeySecret, raiseKeySecret } from "../../crds/roles.ts";
import type { Client } from "../../kube/client.ts";
import { isKubeError } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { generateKeys, readPrivateKey, writePublicKey } from "../../permits/keys.ts";

/** The public keys of the operators of a cluster, as `whpk_...`; their Secrets are made when there are none yet. */
export async function ensurePermitKeys(
	admin: Client,
): Promise<{ readonly permit: readonly string[]; readonly raise: readonly string[] }> {
	return { permit: await ensure(admin, permitKeySecret), raise: await ensure(admin, raiseKeySecret) };
}

async function ensure(admin: Client, name: string): Promise<readonly string[]> {
	const secrets = pathOf({ group: "", version: "v1", resource: "secrets", namespace: operatorNamespace });
	const stringData = { key: generateKeys().privateKey };
	await admin
		.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData })
		.catch((error) => {
			if (!isKubeError(error, "ALREADY_EXISTS")) throw error;
		});
	const { data } = await admin.get<{ readonly data: Readonly<Record<string, string>> }>(`${secrets}/${name}`);
	return Object.values(data).map((base64) =>
		writePublicKey(readPrivateKey(Buffer.from(base64, "base64").toString())),
	);
}

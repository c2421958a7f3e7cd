/** `npm run -s permit-keys | kubectl apply -f -`: new keys for permits and raises, as the two Secrets that hold them. */
import { stringify } from "yaml";
import { operatorNamespace, permitKeySecret, raiseKeySecret } from "../crds/roles.ts";
import { generateKeys } from "../permits/keys.ts";

const entry = `key-${new Date().toISOString().slice(0, 10)}`;
const secrets = [permitKeySecret, raiseKeySecret].map((name) => ({
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name, namespace: operatorNamespace },
	stringData: { [entry]: generateKeys().privateKey },
}));
console.log(secrets.map((secret) => stringify(secret)).join("---\n"));

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { readKeyPair } from "../../dev/cluster/credentials.ts";
import { type ClusterFiles, clusterFiles, writeAtomically } from "../../dev/cluster/files.ts";
import { type Credential, renderKubeconfig } from "../../dev/cluster/kubeconfig.ts";
import { createAuthority, issueCertificate } from "../../dev/cluster/pki.ts";
import { installApi } from "../../dev/install.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

const user = `system:serviceaccount:${operatorNamespace}:${operatorAccount}`;
/** Long enough to bring a desk into Normal on a slow machine. */
const lifetimeMilliseconds = 60_000;
/** An API server takes a token for good for 10 s after it last was. */
const slow = { timeoutMilliseconds: 120_000 };
let cluster: Cluster;
let files: ClusterFiles;

test.before("a cluster whose certificates may be replaced", async () => {
	cluster = await ownCluster();
	files = clusterFiles(cluster.dir);
	await installApi(cluster);
});

/** A desk in Normal whose only replica has this kubeconfig. */
async function normal(t: ExecutionContext, desk: TestDesk, kubeconfig: string): Promise<Replica> {
	const replica = await startReplica(t, desk, { kubeconfig });
	await desk.run({ name: "bots", replicas: 4 });
	await desk.govern({ targets: [target("bots", "Bot")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return replica;
}

const isReady = async (replica: Replica) => (await replica.ready()).status === 200;

async function haltsAndComesBack(t: ExecutionContext, desk: TestDesk, replica: Replica): Promise<void> {
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.pods(), []);
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 4);
	t.true(replica.running);
	await until("ready", () => isReady(replica));
}

test.serial("a token file that is replaced after the old token ended is taken up", async (t) => {
	// Given a replica with a token in a file, as pods have it, good for as long as a secret exists
	const desk = await TestDesk.create(t, { cluster });
	const secrets = `/api/v1/namespaces/${operatorNamespace}/secrets`;
	const issue = async (secret: string) => {
		const made = await desk.admin.create<{ readonly metadata: { readonly uid: string } }>(secrets, {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: secret },
		});
		const path = `/api/v1/namespaces/${operatorNamespace}/serviceaccounts/${operatorAccount}/token`;
		const answer = await desk.admin.create<{ readonly status: { readonly token: string } }>(path, {
			apiVersion: "authentication.k8s.io/v1",
			kind: "TokenRequest",
			spec: {
				expirationSeconds: 3600,
				boundObjectRef: { apiVersion: "v1", kind: "Secret", name: secret, uid: made.metadata.uid },
			},
		});
		return answer.status.token;
	};
	const tokenFile = join(cluster.dir, "kubeconfigs", "operator-token");
	writeFileSync(tokenFile, await issue("first"), { mode: 0o600 });
	const config = JSON.parse(
		renderKubeconfig(cluster.server, readFileSync(cluster.caFile, "utf8"), user, {
			kind: "Token",
			token: "",
		}),
	);
	config.users[0].user = { "auth-provider": { name: "tokenFile", config: { tokenFile } } };
	const kubeconfig = join(cluster.dir, "kubeconfigs", "by-token-file.kubeconfig");
	writeAtomically(kubeconfig, JSON.stringify(config));
	const replica = await normal(t, desk, kubeconfig);
	await until("ready", () => isReady(replica));
	// When the secret is gone, then the replica says that it must not be counted on
	await desk.admin.delete(`${secrets}/first`);
	await until("not ready", async () => !(await isReady(replica)), slow);
	t.true(replica.running);
	// When the file has a new token, then the replica enforces with it
	writeAtomically(tokenFile, await issue("second"));
	t.teardown(() => desk.admin.delete(`${secrets}/second`));
	await until("ready", () => isReady(replica), slow);
	await haltsAndComesBack(t, desk, replica);
});

test.serial("a client certificate and the server's authority that are replaced are taken up", async (t) => {
	// Given a replica whose certificate ends soon, and an administrator who trusts the old and the new authority
	const old = readKeyPair(files, "ca");
	const next = await createAuthority("tradingsafety-next");
	const kubeconfig = async (ca: string, lifetime?: { readonly lifetimeMilliseconds: number }) => {
		const request = { commonName: user, organizations: ["system:serviceaccounts"], usage: "Client" } as const;
		const pair = await issueCertificate(old, { ...request, ...lifetime });
		return renderKubeconfig(cluster.server, ca, user, { kind: "Certificate", ...pair });
	};
	const admin: Credential = { kind: "Certificate", ...readKeyPair(files, "admin") };
	const both = join(cluster.dir, "kubeconfigs", "both.kubeconfig");
	const authorities = `${old.certificate}\n${next.certificate}\n`;
	writeAtomically(both, renderKubeconfig(cluster.server, authorities, "admin", admin));
	const desk = await TestDesk.create(t, { cluster: { ...cluster, kubeconfig: both } });
	const path = join(cluster.dir, "kubeconfigs", "by-certificate.kubeconfig");
	const endsAt = Date.now() + lifetimeMilliseconds;
	writeAtomically(path, await kubeconfig(old.certificate, { lifetimeMilliseconds }));
	const replica = await normal(t, desk, path);
	await until("ready", () => isReady(replica));
	t.true(Date.now() < endsAt, "it was set up in time");
	// When the API server shows a certificate of the new authority, and the old client certificate has ended
	const { certificate, key } = await issueCertificate(next, {
		commonName: "kube-apiserver",
		ipAddresses: ["127.0.0.1"],
		usage: "Server",
	});
	writeAtomically(join(files.pki, "kube-apiserver.key"), key);
	writeAtomically(join(files.pki, "kube-apiserver.crt"), certificate);
	t.teardown(() => rmSync(path, { force: true }));
	await until("the API server shows it", () => isTrusted(cluster.server, next.certificate), slow);
	await until("not ready", async () => !(await isReady(replica)), slow);
	t.true(Date.now() >= endsAt);
	t.true(replica.running);
	// When the kubeconfig has the new authority and a new certificate, then the replica enforces with them
	writeAtomically(path, await kubeconfig(next.certificate));
	await until("ready", () => isReady(replica), slow);
	await haltsAndComesBack(t, desk, replica);
});

/** True when a server shows a certificate of this authority. */
function isTrusted(server: string, ca: string): Promise<boolean> {
	const { hostname, port } = new URL(server);
	return new Promise((resolve, reject) => {
		const socket = connectTls({ host: hostname, port: Number(port), ca }, () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", (error) => {
			if (/certificate|signature|issuer/i.test(error.message)) resolve(false);
			else reject(error);
		});
	});
}

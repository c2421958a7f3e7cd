import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import test from "ava";
import { clusterFiles, readDescription, writeAtomically } from "../../dev/cluster/files.ts";
import { renderKubeconfig } from "../../dev/cluster/kubeconfig.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../../dev/cluster/pki.ts";
import { newNamespace, ownCluster, sharedCluster } from "../support/cluster.ts";
import { listeningAddresses } from "./sockets.ts";

/** A kubeconfig for `user`, whose certificate `signer` signed, of a client that trusts `trusted`. */
async function foreignKubeconfig(
	name: string,
	server: string,
	trusted: string,
	signer: KeyPair,
): Promise<string> {
	const { dir } = await sharedCluster();
	const pair = await issueCertificate(signer, {
		commonName: "mallory",
		organizations: ["system:masters"],
		usage: "Client",
	});
	const path = join(clusterFiles(dir).kubeconfigs, name);
	writeAtomically(path, renderKubeconfig(server, trusted, "mallory", { kind: "Certificate", ...pair }));
	return path;
}

test("a client that trusts another authority refuses the server", async (t) => {
	// Given a client with another authority
	const cluster = await sharedCluster();
	const other = await createAuthority("other");
	const kubeconfig = await foreignKubeconfig("distrusts", cluster.server, other.certificate, other);
	// When it connects
	const result = await kubectl(cluster, ["get", "--raw", "/version"], { kubeconfig });
	// Then it refuses to talk to the server
	t.not(result.code, 0);
	t.regex(result.stderr, /certificate signed by unknown authority/);
});

test("a certificate of another authority is nobody, whatever groups it claims", async (t) => {
	// Given a certificate for an administrator by another authority
	const cluster = await sharedCluster();
	const trusted = readFileSync(cluster.caFile, "utf8");
	const other = await createAuthority("tradingsafety-dev");
	const kubeconfig = await foreignKubeconfig("forged", cluster.server, trusted, other);
	// When it is used
	const result = await kubectl(cluster, ["get", "--raw", "/version"], { kubeconfig });
	// Then the server does not know the user
	t.not(result.code, 0);
	t.regex(result.stderr, /Unauthorized|must be logged in|certificate/i);
});

test("a user has the rights that RBAC gives and no others", async (t) => {
	// Given a user without rights, and one in a group that may read pods
	const cluster = await sharedCluster();
	const namespace = await newNamespace("rights");
	const alice = await cluster.kubeconfigFor({ name: "alice", groups: ["readers"] });
	const bob = await cluster.kubeconfigFor({ name: "bob" });
	for (const args of [
		["create", "role", "reader", "--verb=list", "--resource=pods"],
		["create", "rolebinding", "readers", "--role=reader", "--group=readers"],
	]) {
		const result = await kubectl(cluster, ["-n", namespace, ...args]);
		t.is(result.code, 0, result.stderr);
	}
	// When each asks for pods and for secrets
	const get = (kubeconfig: string, what: string) =>
		kubectl(cluster, ["-n", namespace, "get", what], { kubeconfig });
	// Then each is known by name, and only the one may do the one thing
	t.is((await get(alice, "pods")).code, 0);
	t.regex((await get(alice, "secrets")).stderr, /Forbidden.*User "alice" cannot list/s);
	t.regex((await get(bob, "pods")).stderr, /Forbidden.*User "bob" cannot list/s);
});

test("users of one name and different groups have kubeconfigs of their own", async (t) => {
	// Given a cluster
	const cluster = await sharedCluster();
	// When kubeconfigs are made for one name in different groups
	const plain = await cluster.kubeconfigFor({ name: "carol" });
	const grouped = await cluster.kubeconfigFor({ name: "carol", groups: ["traders", "a=b, c"] });
	// Then both work side by side
	const who = async (kubeconfig: string) => {
		const result = await kubectl(cluster, ["auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}"], {
			kubeconfig,
		});
		return JSON.parse(result.stdout) as string[];
	};
	t.deepEqual(await who(plain), ["system:authenticated"]);
	t.deepEqual((await who(grouped)).sort(), ["a=b, c", "system:authenticated", "traders"]);
});

test("a service account logs in by token", async (t) => {
	// Given a service account
	const cluster = await sharedCluster();
	const namespace = await newNamespace("account");
	// When a kubeconfig is made for it
	const kubeconfig = await cluster.kubeconfigForServiceAccount({ namespace, name: "default" });
	// Then the server knows it by name
	const who = await kubectl(cluster, ["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], {
		kubeconfig,
	});
	t.is(who.stdout, `system:serviceaccount:${namespace}:default`);
});

test("etcd talks to nobody without its own certificate", async (t) => {
	// Given the ports of etcd, and the certificate of a cluster administrator
	const { dir } = await sharedCluster();
	const files = clusterFiles(dir);
	const read = (name: string) => readFileSync(join(files.pki, name), "utf8");
	const ports = readDescription(files)?.ports;
	const admin = { cert: read("admin.crt"), key: read("admin.key") };
	const apiServer = { cert: read("etcd-client.crt"), key: read("etcd-client.key") };
	/** Asks etcd for its version; resolves to what came back before the connection ended. */
	const ask = (port: number | undefined, credential: object) =>
		new Promise<string>((resolve, reject) => {
			let answer = "";
			const options = {
				host: "127.0.0.1",
				port: port ?? 0,
				ca: read("etcd-ca.crt"),
				ALPNProtocols: ["http/1.1"],
				...credential,
			};
			const socket = connect(options, () =>
				socket.write("GET /version HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n"),
			);
			socket.on("data", (chunk) => {
				answer += chunk;
			});
			socket.on("error", (error) =>
				/alert|ECONNRESET/.test(String(error)) ? resolve(answer) : reject(error),
			);
			socket.on("close", () => resolve(answer));
		});
	// When they are asked with none, with the wrong and with the right certificate
	// Then only the last gets an answer
	t.is(await ask(ports?.etcd, {}), "");
	t.is(await ask(ports?.etcd, admin), "");
	t.is(await ask(ports?.etcdPeer, {}), "");
	t.is(await ask(ports?.etcdPeer, admin), "");
	t.regex(await ask(ports?.etcd, apiServer), /etcdserver/);
});

const onLinux = process.platform === "linux" ? test : test.skip;
onLinux("all servers listen on the loopback interface only", async (t) => {
	// Given a cluster
	const cluster = await ownCluster({ nodes: 1 });
	// When its listening sockets are listed
	const addresses = Object.entries(cluster.pids()).flatMap(([name, pid]) =>
		listeningAddresses(pid).map((address) => `${name} ${address}`),
	);
	// Then there are those of the API server and etcd, on 127.0.0.1
	const port = Number(new URL(cluster.server).port);
	t.true(addresses.includes(`kube-apiserver 127.0.0.1:${port}`), addresses.join(", "));
	t.deepEqual(
		addresses.filter((address) => !/ 127\.0\.0\.1:\d+$/.test(address)),
		[],
	);
	t.is(addresses.length, 3);
});

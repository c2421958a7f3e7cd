import test from "ava";
import { operatorNamespace, permitKeySecret, publicKeysMap, raiseKeySecret } from "../../crds/roles.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { pathOf } from "../../kube/paths.ts";
import { generateKeys, readPublicKey } from "../../permits/keys.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { Gates } from "../operator/gates.ts";
import { startReplica } from "../operator/replica.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

const signal = { http: { port: 8090 }, ttlSeconds: 2 };
const targets = [target("bots", "Bot", { signal })];
const secretPath = (name?: string) =>
	pathOf({ group: "", version: "v1", resource: "secrets", namespace: operatorNamespace, name });

let cluster: Cluster;
test.before(async () => {
	cluster = await ownCluster();
	await installApi(cluster);
});

const signalled = async (desk: TestDesk) =>
	(await desk.get()).status?.targets?.find((row) => row.name === "bots")?.signalled;

test.serial(
	"without keys Signal is Stop and the condition says so; with keys bots are told; a new key takes over in a halt",
	async (t) => {
		t.timeout(300_000);
		// Given a cluster without the Secrets, and bots that will know three keys
		const [first, second, raise] = [generateKeys(), generateKeys(), generateKeys()];
		const read = (keys: typeof first) => readPublicKey(keys.publicKey);
		const known = { permit: [read(first), read(second)], raise: [read(raise)] };
		const desk = await TestDesk.create(t, { cluster });
		await desk.run({ name: "bots", replicas: 2 });
		const gates = await Gates.start(t, desk, { keys: known });
		const replica = await startReplica(t, desk, { gates: gates.file });
		await desk.govern({ mode: "Normal", targets });
		await until("the missing Secret is named", async () => {
			const found = await desk.condition("SignalAvailable");
			return found?.reason === "NoKey" && found.message.includes(permitKeySecret);
		});
		// When the Secrets are made, the first of them malformed
		const make = (name: string, stringData: object) =>
			desk.admin.create(secretPath(), { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData });
		await make(raiseKeySecret, { a: raise.privateKey });
		await make(permitKeySecret, { a: "whsk_nonsense" });
		await until("the malformed entry is named", async () =>
			(await desk.condition("SignalAvailable"))?.message.includes("entry a: "),
		);
		const put = (stringData: object) =>
			desk.admin.patch(secretPath(permitKeySecret), { stringData }, { type: "merge" });
		await put({ a: first.privateKey });
		// Then bots are told, and the public halves are there for them
		await gates.open("bots", 2, true);
		await until("Signal is available", async () => (await signalled(desk)) === "Admit");
		const published = async () => {
			const path = pathOf({
				group: "",
				version: "v1",
				resource: "configmaps",
				namespace: desk.namespace,
				name: publicKeysMap,
			});
			const { data } = await desk.admin.get<{ readonly data: Record<string, string> }>(path);
			return JSON.parse(data["keys.json"] ?? "{}") as { readonly permit: string[]; readonly raise: string[] };
		};
		t.deepEqual(await published(), { permit: [first.publicKey], raise: [raise.publicKey] });
		const endpoint = await fetch(`http://127.0.0.1:${await replica.port()}/keys`);
		t.deepEqual(await endpoint.json(), await published());
		// When the key is exchanged in the midst of a halt
		await desk.patch({ mode: "Pause" });
		await desk.confirmed("Pause");
		await put({ b: second.privateKey });
		await until("both are published", async () => (await published()).permit.length === 2);
		await desk.admin.patch(secretPath(permitKeySecret), { data: { a: null } }, { type: "merge" });
		await until("the old one is gone", async () => (await published()).permit.length === 1);
		// Then the halt goes on with the same pods, and after it they trade by the new key
		await desk.confirmed("Pause");
		await gates.open("bots", 2, false);
		await desk.lower("Normal");
		await gates.open("bots", 2, true);
	},
);

test.serial(
	"an API server that is away for ten seconds in Normal pauses the bots, and they resume by themselves",
	async (t) => {
		t.timeout(300_000);
		// Given bots that trade, told by two replicas
		const desk = await TestDesk.create(t, { cluster });
		await desk.run({ name: "bots", replicas: 2 });
		const gates = await Gates.start(t, desk);
		for (let count = 0; count < 2; count += 1) await startReplica(t, desk, { gates: gates.file });
		await desk.govern({ mode: "Normal", targets });
		const bots = await gates.open("bots", 2, true);
		await until("Signal is available", async () => (await signalled(desk)) === "Admit");
		const pods = (await desk.pods("bots")).map((pod) => pod.metadata.uid);
		// When the API server freezes
		cluster.freeze("kube-apiserver");
		const frozenAt = performance.now();
		try {
			await until("the bots are paused", () => bots.every(({ gate }) => !gate.mayOpen()));
			const after = performance.now() - frozenAt;
			// Then they paused when their permits ran out, and stay so
			t.true(after < 2_500, `after ${Math.round(after)} ms`);
			while (performance.now() - frozenAt < 10_000) {
				t.true(bots.every(({ gate }) => !gate.mayOpen()));
				await new Promise((resolve) => setTimeout(resolve, 100));
			}
		} finally {
			cluster.resume("kube-apiserver");
		}
		// Then they resume, and nobody was stopped
		await gates.open("bots", 2, true);
		t.deepEqual(
			(await desk.pods("bots")).map((pod) => pod.metadata.uid),
			pods,
		);
	},
);

import { readFileSync } from "node:fs";
import test from "ava";
import { operatorNamespace, permitKeySecret, publicKeysMap, raiseKeySecret } from "../../crds/roles.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { ifThere } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { generateKeys, type KeyTexts, readPrivateKey, readPublicKeys } from "../../permits/keys.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import { encodePermit } from "../../permits/permit.ts";
import { signBody } from "../../permits/signature.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { Gates } from "../operator/gates.ts";
import { startReplica } from "../operator/replica.ts";
import { permitOf } from "../permits/desk.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { post } from "./between.ts";

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
		// Given a cluster without the Secrets, and bots that know what is published to them, as soon as a kubelet would say so
		const [first, second, raise] = [generateKeys(), generateKeys(), generateKeys()];
		const desk = await TestDesk.create(t, { cluster });
		await desk.run({ name: "bots", replicas: 2 });
		const mapPath = pathOf({
			...{ group: "", version: "v1", resource: "configmaps" },
			...{ namespace: desk.namespace, name: publicKeysMap },
		});
		const published = async () => {
			const map = await ifThere(desk.admin.get<{ readonly data: Record<string, string> }>(mapPath));
			return map?.data["keys.json"] ?? '{"permit":[],"raise":[]}';
		};
		let known = readPublicKeys(await published());
		const mounting = setInterval(() => {
			published().then(
				(text) => {
					known = readPublicKeys(text);
				},
				(error) => t.log(`the keys are not mounted: ${error}`),
			);
		}, 200);
		t.teardown(() => clearInterval(mounting));
		const gates = await Gates.start(t, desk, { keys: () => known });
		const replica = await startReplica(t, desk, { gates: gates.file });
		await desk.govern({ mode: "Normal", targets });
		await until("the missing Secret is named", async () => {
			const found = await desk.condition("SignalAvailable");
			return found?.reason === "NoKey" && found.message.includes(permitKeySecret);
		});
		const raiseKey = (status: string, text: string) =>
			until(`the raise key is ${status}`, async () => {
				const found = await desk.condition("RaiseKeyAvailable");
				return found?.status === status && found.message.includes(text);
			});
		await raiseKey("False", `${raiseKeySecret} is not there: make one with`);
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
		await raiseKey("True", "");
		// Then bots are told, and the public halves are there for them
		await gates.open("bots", 2, true);
		await until("Signal is available", async () => (await signalled(desk)) === "Admit");
		t.deepEqual(JSON.parse(await published()), { permit: [first.publicKey], raise: [raise.publicKey] });
		const endpoint = await fetch(`http://127.0.0.1:${await replica.port()}/keys`);
		t.deepEqual(await endpoint.json(), JSON.parse(await published()));
		/** What a bot answers to a message that is signed by some keys. */
		const statusOf = async (...signers: readonly KeyTexts[]) => {
			const body = encodePermit(permitOf({ uid: "another" }));
			const keys = signers.map(({ privateKey }) => readPrivateKey(privateKey));
			const head = { id: "msg_test", sentAt: Date.now() };
			const [port] = Object.values(JSON.parse(readFileSync(gates.file, "utf8")) as Record<string, number>);
			return (await post(port ?? 0, body, signBody(body, head, keys))).status;
		};
		t.deepEqual([await statusOf(first), await statusOf(second)], [200, 401]);
		// When the key is exchanged in the midst of a halt
		const pods = (await desk.pods("bots")).map((pod) => pod.metadata.uid).sort();
		await desk.patch({ mode: "Pause" });
		await desk.confirmed("Pause");
		await put({ b: second.privateKey });
		const are = (count: number) =>
			until(`bots know ${count} keys`, () => known.permit.length === count, { timeoutMilliseconds: 60_000 });
		await are(2);
		t.deepEqual(
			[await statusOf(first), await statusOf(second), await statusOf(first, second)],
			[200, 200, 200],
		);
		await desk.confirmed("Pause");
		await desk.admin.patch(secretPath(permitKeySecret), { data: { a: null } }, { type: "merge" });
		await are(1);
		t.deepEqual(
			[await statusOf(first), await statusOf(second), await statusOf(first, second)],
			[401, 200, 200],
		);
		// Then the halt goes on with the same pods, they hear of the next raise, and after it trade by the new key
		await desk.patch({ mode: "Reduce" });
		const { status } = await desk.confirmed("Reduce");
		t.is(status?.conditions?.find(({ type }) => type === "Confirmed")?.reason, "Acknowledged");
		for (const { gate } of await gates.open("bots", 2, false)) {
			t.deepEqual(gate.permissions(), permissionsOf("Reduce"));
		}
		t.deepEqual((await desk.pods("bots")).map((pod) => pod.metadata.uid).sort(), pods);
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

import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import test from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { Gate } from "../../permits/gate.ts";
import { readPublicKey } from "../../permits/keys.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { isArmed, startProcess } from "../sidecar/process.ts";
import { pinOf, startBoxes } from "../sidecar/world.ts";
import { ownCluster } from "../support/cluster.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ensurePermitKeys } from "../support/permit-keys.ts";
import { until } from "../support/until.ts";

// What stands in the way of a press for longer: an API server that is away, credentials that are of no use.

const definition =
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tradingsafeties.tradingsafety.dev";
let cluster: Cluster;
test.before("a cluster of its own", async (t) => {
	t.timeout(300_000);
	cluster = await ownCluster();
	await installApi(cluster);
});

const patience = { timeoutMilliseconds: 60_000 };
const pass = async (milliseconds: number) => {
	const end = performance.now() + milliseconds;
	await until("time has passed", () => performance.now() >= end, {
		timeoutMilliseconds: milliseconds + 5_000,
	});
};

function governed(desk: TestDesk, serials: readonly string[], rest: object = {}): Promise<TradingSafety> {
	return desk.govern({
		mode: "Normal",
		targets: [target("bots", "Strategy")],
		estop: { devices: serials.map(pinOf) },
		...rest,
	});
}

const isRaised = (desk: TestDesk) => async () => {
	const { spec } = await desk.get();
	return spec.mode === "Emergency" ? spec : undefined;
};

test.serial(
	"the API server is down at the press and for 30 s: bots are told at once, the desk when it is back",
	async (t) => {
		t.timeout(240_000);
		// Given a bot that takes permits, behind a played pod
		const desk = await TestDesk.create(t, { cluster });
		const keys = await ensurePermitKeys(desk.admin);
		const gate = new Gate({
			keys: () => ({ permit: keys.permit.map(readPublicKey), raise: keys.raise.map(readPublicKey) }),
			onDuties: () => undefined,
		});
		const answers: string[] = [];
		const server = createServer(async (request, response) => {
			const answer = gate.receive(await text(request), request.headers);
			answers.push(answer.applied);
			response.end(JSON.stringify(answer));
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		t.teardown(() => {
			server.closeAllConnections();
			server.close();
		});
		await desk.run({ name: "bots", replicas: 1 });
		const signal = { http: { port: 8090 }, ttlSeconds: 5 };
		await governed(desk, ["DOWN"], { targets: [target("bots", "Bot", { signal })] });
		const resolve = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
		const { box, lines } = await startBoxes(t, desk, ["DOWN"], { resolve });
		// When the API server goes, and the button is pressed
		await cluster.stopApiServer("SIGKILL");
		let isDown = true;
		t.teardown(async () => {
			if (isDown) await cluster.startApiServer();
		});
		box("DOWN").press();
		// Then the bot is told without it, and the box alarms
		await until("the bot is told", () => answers.includes("Tightened"));
		await until("the box alarms", () => box("DOWN").shown().buzzer);
		const downAt = performance.now();
		await until("30 s have passed", () => performance.now() - downAt > 30_000, patience);
		// When it is back, then the desk has the press, once
		await cluster.startApiServer();
		isDown = false;
		const spec = await until("it is raised", isRaised(desk), patience);
		t.like(spec.trip, { source: "DOWN", type: "Button" });
		const trips = new Set(lines.flatMap((line) => /"trip":\{"id":"([^"]+)"/.exec(line)?.[1] ?? []));
		t.deepEqual([...trips], [spec.trip?.id]);
	},
);

for (const [what, file, wrong] of [
	["an expired token", "token", "expired"],
	["an authority that was exchanged", "ca.crt", undefined],
] as const) {
	test.serial(
		`${what}: the box shows it, and a press comes through as soon as the kubelet has replaced it`,
		async (t) => {
			t.timeout(180_000);
			const desk = await TestDesk.create(t, { cluster });
			const serial = `BOX-${file}`;
			await governed(desk, [serial]);
			const { box, folder, ready } = await startBoxes(t, desk, [serial]);
			const path = join(folder, file);
			const good = readFileSync(path, "utf8");
			// Given credentials that are of no use any more
			writeFileSync(path, wrong ?? (await anotherAuthority(t)));
			await until("it is not armed any more", async () => !(await ready()), patience);
			const says = () => `${box(serial).shown().light} ${box(serial).shown().rhythm}`;
			await until("the box says so", () => says() === "Yellow Fast", patience);
			// When it is pressed
			box(serial).press();
			await pass(2_000);
			t.is((await desk.get()).spec.mode, "Normal");
			// Then it comes through once they are good
			writeFileSync(path, good);
			const spec = await until("it is raised", isRaised(desk), patience);
			t.like(spec.trip, { source: serial, type: "Button" });
		},
	);
}

/** The certificate of an authority that has signed nothing of this cluster. */
async function anotherAuthority(t: Parameters<typeof TestDesk.create>[0]): Promise<string> {
	const other = await ownCluster();
	const access = loadKubeConfig(other.kubeconfig);
	const { tls } = await access.present();
	t.teardown(() => other.stop());
	return String(tls.ca);
}

test.serial(
	"a button that does not latch is pressed while no API server answers, and the sidecar is killed: the next one raises",
	async (t) => {
		t.timeout(240_000);
		// Given a sidecar in a process of its own
		const desk = await TestDesk.create(t, { cluster });
		await governed(desk, ["MOMENTARY"]);
		const folder = temporaryFolder(t, "state");
		const how = { serial: "MOMENTARY", args: ["--state-dir", folder] };
		const first = await startProcess(t, desk, how);
		await until("it is armed", isArmed(desk, "MOMENTARY"));
		// When the API server goes, the button is pressed and let go, and the sidecar is killed
		await cluster.stopApiServer("SIGKILL");
		let isDown = true;
		t.teardown(async () => {
			if (isDown) await cluster.startApiServer();
		});
		first.send("Press");
		const left = () => readdirSync(folder).filter((name) => name.endsWith(".json"));
		await until("the press is on disk", () => left().length === 1);
		first.send("Release");
		const [name = ""] = left();
		const { raise } = JSON.parse(readFileSync(join(folder, name), "utf8"));
		first.kill("SIGKILL");
		await once(first, "exit");
		await cluster.startApiServer();
		isDown = false;
		t.is((await until("the API server answers", () => desk.get())).spec.mode, "Normal");
		// Then the next one raises the desk by that very press, and keeps nothing of it
		await startProcess(t, desk, how);
		const spec = await until("it is raised", isRaised(desk), patience);
		t.like(spec.trip, { id: raise.trip.id, source: "MOMENTARY", type: "Button" });
		await until("nothing is left", () => left().length === 0);
	},
);

test.serial(
	"a button that does not latch is pressed at a sidecar that has not seen any API server yet: it raises at the first contact",
	async (t) => {
		t.timeout(240_000);
		const desk = await TestDesk.create(t, { cluster });
		await governed(desk, ["FIRST"]);
		// Given an API server that is away, and a sidecar that starts
		let isDown = false;
		t.teardown(async () => {
			if (isDown) await cluster.startApiServer();
		});
		const { box, lines } = await startBoxes(t, desk, ["FIRST"], {
			beforeStart: async () => {
				await cluster.stopApiServer("SIGKILL");
				isDown = true;
			},
		});
		const says = (text: string) => () => lines.some((line) => line.includes(`"msg":"${text}"`));
		await until("the box is open", says("device opened"));
		// When the button is pressed and let go before anybody knows which desks pin it
		box("FIRST").press();
		await until("it is heard", says("pressed"));
		box("FIRST").release();
		await until("it is free", says("released"));
		await until("the box says that a press may not get through", () => {
			const { light, rhythm } = box("FIRST").shown();
			return light === "Yellow" && rhythm === "Fast";
		});
		await cluster.startApiServer();
		isDown = false;
		// Then the desk is raised by it
		const spec = await until("it is raised", isRaised(desk), patience);
		t.like(spec.trip, { source: "FIRST", type: "Button" });
	},
);

test.serial(
	"an API server that answers nobody for a while is no silence of a device: nothing is raised",
	async (t) => {
		t.timeout(240_000);
		// Given a desk in Normal with an operator that wants its device armed, which may be silent for 6 s
		const desk = await TestDesk.create(t, { cluster });
		const replica = await startReplica(t, desk);
		const estop = { devices: [pinOf("AWAY")], heartbeatTimeoutSeconds: 6 };
		await governed(desk, ["AWAY"], { estop });
		const { armed, lease } = await startBoxes(t, desk, ["AWAY"]);
		await until("it is armed", async () => (await desk.condition("Armed"))?.status === "True", patience);
		await desk.patch({ estop: { minimumArmed: 1 } });
		await desk.confirmed("Normal");
		// When the API server hangs for longer than that, and than a rehearsal of the raise takes, again and again
		for (const milliseconds of [9_500, 7_000, 13_000]) {
			cluster.freeze("kube-apiserver");
			try {
				await pass(milliseconds);
			} finally {
				cluster.resume("kube-apiserver");
			}
			const before = await until("it answers", () => lease("AWAY"), patience);
			await until("the Lease moves again", async () => {
				const { resourceVersion } = (await lease("AWAY")).metadata;
				return resourceVersion !== before.metadata.resourceVersion;
			});
			await pass(4_000);
		}
		// Then nobody was raised for it
		await armed("AWAY");
		t.true(replica.running);
		const { mode, trip } = (await desk.get()).spec;
		t.deepEqual([mode, trip], ["Normal", undefined]);
	},
);

test.serial(
	"the definition is deleted: the box is not armed; a button that is down raises the desk when it is back",
	async (t) => {
		t.timeout(300_000);
		const desk = await TestDesk.create(t, { cluster });
		await governed(desk, ["UNDEFINED"]);
		const { box, ready } = await startBoxes(t, desk, ["UNDEFINED"]);
		// When somebody with every right deletes the definition
		await desk.admin.patch(
			definition,
			{ metadata: { annotations: { "tradingsafety.dev/allow-removal": "true" } } },
			{ type: "merge" },
		);
		t.teardown(() => installApi(cluster));
		await until("it is let go", () =>
			desk.admin.delete(definition).then(
				() => true,
				() => false,
			),
		);
		// Then the box says that a press halts nobody
		await until("it is not armed any more", async () => !(await ready()), patience);
		const says = () => `${box("UNDEFINED").shown().light} ${box("UNDEFINED").shown().rhythm}`;
		await until("the box says so", () => says() === "Yellow Fast", patience);
		// When it is pressed all the same, and the definition and the desk are made anew
		box("UNDEFINED").press();
		await until("the definition is gone", () =>
			desk.admin.get(definition).then(
				() => false,
				() => true,
			),
		);
		await installApi(cluster);
		await until("the desk can be made", () => governed(desk, ["UNDEFINED"], { mode: "Pause" }), {
			timeoutMilliseconds: 120_000,
		});
		// Then it is raised, since the button is down
		const spec = await until("it is raised", isRaised(desk), patience);
		t.like(spec.trip, { source: "UNDEFINED", type: "Button" });
	},
);

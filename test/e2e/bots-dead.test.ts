import test from "ava";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { installApi } from "../../dev/install.ts";
import { wallNow } from "../../dev/venue/clock.ts";
import { ownCluster } from "../support/cluster.ts";
import { openTrading, slackMilliseconds, ttlMilliseconds } from "./trading-desk.ts";

/** After this nobody holds a permit that was signed before. */
const runOut = ttlMilliseconds + slackMilliseconds;

let cluster: Cluster;
test.before(async () => {
	cluster = await ownCluster();
	await installApi(cluster);
});
test.afterEach.always("the API server goes on", () => cluster.resume("kube-apiserver"));

test.serial(
	"every replica killed: the venue takes no risk after the permits, and with one back it does",
	async (t) => {
		t.timeout(300_000);
		// Given a desk that trades
		const trading = await openTrading(t, { cluster });
		const pods = await trading.running();
		// When every replica is killed
		await Promise.all(trading.replicas.map((replica) => replica.end("SIGKILL")));
		const killed = wallNow();
		// Then bots trade on for as long as their permits live, and the venue accepts nothing that takes risk after that
		t.deepEqual(await trading.during(killed + runOut, 1_500), []);
		t.true(trading.risky(killed - 5_000, killed + runOut).length > 0);
		// When one is back, then they trade by themselves, in the pods they were in
		await trading.startReplica();
		await trading.flowing();
		t.deepEqual(await trading.running(), pods);
	},
);

test.serial(
	"an API server that freezes in Normal, and at the moment of a raise, leaves no bot trading",
	async (t) => {
		t.timeout(300_000);
		// Given a desk that trades
		const trading = await openTrading(t, { cluster });
		const { desk } = trading;
		const pods = await trading.running();
		// When the API server freezes in Normal
		cluster.freeze("kube-apiserver");
		const frozen = wallNow();
		// Then nothing takes risk after the permits, and it goes on by itself when the API server does
		t.deepEqual(await trading.during(frozen + runOut, 1_500), []);
		cluster.resume("kube-apiserver");
		await trading.flowing();
		t.deepEqual(await trading.running(), pods);
		// When it is raised and the API server freezes as soon as it has acknowledged that
		await desk.patch({ mode: "Pause" });
		cluster.freeze("kube-apiserver");
		const raised = wallNow();
		// Then the permits are the last that anybody got
		t.deepEqual(await trading.during(raised + runOut, 1_500), []);
		// When it goes on, then nothing trades, and the halt is confirmed with the same pods
		cluster.resume("kube-apiserver");
		const { status } = await desk.confirmed("Pause");
		t.is(status?.conditions?.find(({ type }) => type === "Confirmed")?.reason, "Acknowledged");
		// When it freezes in the midst of the halt, until every answer is old
		cluster.freeze("kube-apiserver");
		const again = wallNow();
		const old = 2 * ttlMilliseconds + 1_000;
		t.deepEqual(await trading.during(again, old), []);
		// Then nothing trades, neither then nor afterwards, and nobody is stopped for what nobody asked
		cluster.resume("kube-apiserver");
		t.deepEqual(await trading.during(again, old + 2_000), []);
		await desk.confirmed("Pause");
		t.deepEqual(await trading.running(), pods);
		t.deepEqual(trading.risky(raised + runOut), []);
		// When it is lowered, then they trade
		await desk.lower("Normal");
		await trading.flowing();
	},
);

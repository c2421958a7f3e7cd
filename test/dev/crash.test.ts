import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test from "ava";
import { startCluster } from "../../dev/cluster/cluster.ts";
import { ClusterError } from "../../dev/cluster/errors.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { processesOf, tracesOf } from "./traces.ts";

const HOLDER = fileURLToPath(new URL("holder.ts", import.meta.url));

/** A path in the temporary folder at which there is nothing. */
function newFolderName(): string {
	return join(tmpdir(), `tradingsafety-crash-${randomBytes(4).toString("hex")}`);
}

const children: ChildProcess[] = [];
test.after.always("nothing is left", () => {
	for (const child of children) child.kill("SIGKILL");
});

for (const signal of ["SIGKILL", "SIGINT"] as const) {
	test.serial(`a parent that ends by ${signal} leaves nothing`, async (t) => {
		// Given a program with a cluster
		const child = spawn(process.execPath, [HOLDER], { stdio: ["pipe", "pipe", "inherit"] });
		children.push(child);
		const lines = createInterface({ input: child.stdout });
		const dir = await new Promise<string>((resolve, reject) => {
			lines.once("line", resolve);
			lines.once("close", () => reject(new Error("it ended without a cluster")));
		});
		const traces = tracesOf(dir);
		// When it is ended from outside
		child.kill(signal);
		// Then its servers, ports and files go away
		await until("nothing is left", async () => (await traces()).length === 0);
		t.pass();
	});
}

test.serial("when the warden is killed its parent ends the servers and is told", async (t) => {
	// Given a cluster
	let lost: ClusterError | undefined;
	const onLost = (error: ClusterError) => {
		lost = error;
	};
	const cluster = await startCluster({ nodes: 1, onLost });
	const traces = tracesOf(cluster.dir);
	// When its warden is killed
	const { warden } = cluster.pids();
	process.kill(warden ?? 0, "SIGKILL");
	// A warden does not keep its parent alive, so something else has to.
	const error = await until("the parent is told", () => lost);
	// Then nothing is left, and stopping it once more does no harm
	t.is(error.code, "NotRunning");
	t.deepEqual(await traces(), []);
	await t.notThrowsAsync(cluster.stop());
});

test.serial("a server that cannot start is named with the end of its log, and nothing is left", async (t) => {
	// Given flags that one server refuses
	const extraFlags = { "kube-scheduler": ["--no-such-flag"] };
	const dir = newFolderName();
	// When the cluster is started
	const error = await t.throwsAsync(startCluster({ dir, extraFlags }), { instanceOf: ClusterError });
	// Then the error shows why
	t.is(error?.code, "StartFailed");
	t.true(error?.message.includes("kube-scheduler"));
	t.true(error?.message.includes("no-such-flag"));
	t.deepEqual(processesOf(dir), []);
	t.false(existsSync(dir));
});

test.serial("a start that is given up leaves nothing", async (t) => {
	// Given a start that is given up as soon as etcd runs
	const dir = newFolderName();
	const interruption = new AbortController();
	const progress = {
		report: (_what: string, howFar?: string) => {
			if (howFar === "API server") interruption.abort(new Error("never mind"));
		},
		finish: () => {},
	};
	// When it is awaited
	const error = await t.throwsAsync(startCluster({ dir, progress, signal: interruption.signal }));
	// Then it failed for that reason, with nothing left
	t.is(error?.message, "never mind");
	t.deepEqual(processesOf(dir), []);
	t.false(existsSync(dir));
});

test.serial("the API server can crash and come back while everything else goes on", async (t) => {
	// Given a cluster with a Deployment
	const cluster = await ownCluster({ nodes: 1 });
	const run = async (...args: string[]) => {
		const result = await kubectl(cluster, args);
		if (result.code !== 0) throw new Error(result.stderr);
		return result.stdout;
	};
	await run("create", "deployment", "bots", "--image=bot");
	const replicas = () => run("get", "deployment", "bots", "-o", "jsonpath={.status.availableReplicas}");
	await until("one pod is available", async () => (await replicas()) === "1");
	const before = cluster.pids();
	// When the API server crashes, and is gone for a moment, and once more ends in order
	await cluster.stopApiServer("SIGKILL");
	t.not((await kubectl(cluster, ["get", "nodes"])).code, 0);
	t.is(cluster.pids()["kube-apiserver"], undefined);
	await cluster.startApiServer();
	await cluster.restartApiServer();
	// Then the other servers are the same and still do their work
	const { "kube-apiserver": old, ...othersBefore } = before;
	const { "kube-apiserver": now, ...others } = cluster.pids();
	t.deepEqual(others, othersBefore);
	t.not(now, old);
	await run("scale", "deployment", "bots", "--replicas=2");
	await until("two pods are available", async () => (await replicas()) === "2");
});

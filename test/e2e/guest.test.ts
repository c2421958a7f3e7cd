import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { preparation, suggestions } from "../../dev/demo/commands.ts";
import { deskPath } from "../../dev/demo/place.ts";
import { startReplica } from "../../dev/demo/replica.ts";
import { installApi } from "../../dev/install.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { inventory } from "./inventory.ts";

const START = fileURLToPath(new URL("../../dev/start.ts", import.meta.url));
const PATIENCE = { timeoutMilliseconds: 240_000, intervalMilliseconds: 200 };

type Running = {
	readonly child: ChildProcess;
	readonly output: () => string;
	readonly exit: Promise<number | string | null>;
};

let host: Cluster;
let admin: Client;
/** Where the demos keep their files. */
let temporary: string;
const started: Running[] = [];

test.before("a cluster that stands for that of a person", async () => {
	temporary = mkdtempSync(join(tmpdir(), "tradingsafety-guest-test-"));
	host = await ownCluster();
	admin = new Client(await connect(loadKubeConfig(host.kubeconfig)), {
		limits: { perSecond: 1_000, burst: 1_000 },
	});
});

test.after.always("nothing is left", async () => {
	for (const { child } of started) child.kill("SIGKILL");
	await admin?.close();
	if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
});

function demo(args: readonly string[], kubeconfig = host.kubeconfig): Running {
	const child = spawn(process.execPath, [START, "--use-kubeconfig", kubeconfig, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...process.env, TMPDIR: temporary },
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream?.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	}
	const exit = new Promise<number | string | null>((resolve) => {
		child.once("close", (code, signal) => resolve(code ?? signal));
	});
	const running = { child, output: () => output, exit };
	started.push(running);
	return running;
}

/** Waits for a text in the output of a demo that must not end before. */
function said(running: Running, text: RegExp): Promise<unknown> {
	return until(
		`the demo says ${text}`,
		() => {
			if (running.child.exitCode !== null) throw new Error(`it ended: ${running.output()}`);
			return text.test(running.output());
		},
		PATIENCE,
	);
}

/** What is there now and was not, or the other way round; APIService objects follow their kinds after a while. */
async function settledDifference(before: readonly string[]): Promise<readonly string[]> {
	let difference: readonly string[] = [];
	const same = async () => {
		const after = await inventory(admin);
		const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`);
		const missing = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
		difference = [...added, ...missing];
		return difference.length === 0;
	};
	try {
		await until("the cluster is as before", same, { timeoutMilliseconds: 60_000, intervalMilliseconds: 500 });
	} catch (error) {
		if (difference.length === 0) throw error;
	}
	return difference;
}

/** Does as a person what a demo suggests in the state that its desk is in; returns what kubectl complains of. */
async function follow(namespace: string, does: RegExp): Promise<string> {
	const user = (person: string) => `system:serviceaccount:${namespace}:${person}`;
	const path = deskPath({ namespace });
	let refused = "";
	// The clearance takes a moment.
	await until("what is suggested is done", async () => {
		const suggestion = suggestions(await admin.get(path), user).find((each) => does.test(each.does));
		if (suggestion === undefined) throw new Error(`nothing like ${does} is suggested`);
		const lines = preparation(join(temporary, namespace, "people"), host.kubectl);
		const script = ["shopt -s expand_aliases", ...lines, suggestion.command].join("\n");
		const shell = spawnSync("bash", ["-c", script], { encoding: "utf8" });
		refused = shell.stderr;
		return shell.status === 0 || !refused.includes("not cleared");
	});
	return refused;
}

const governed = /Normal, in force Normal, confirmed True.*2 of 2 replicas ready/;

test.serial("the walk on a cluster where nothing is installed passes and leaves nothing", async (t) => {
	// Given a cluster without the API
	const before = await inventory(admin);
	// When the demo walks through all modes there
	const running = demo(["--once", "--yes"]);
	const code = await running.exit;
	// Then it says on which cluster it makes what, every check holds, and all of it is gone
	t.is(code, 0, running.output());
	t.regex(running.output(), new RegExp(`On the cluster ${host.server}`));
	t.regex(running.output(), /namespace tradingsafety-demo-\w+:\n +8 workloads, 13 pods of busybox/);
	t.regex(running.output(), /\d+ passed, 0 failed/);
	t.deepEqual(await settledDifference(before), []);
	t.deepEqual(readdirSync(temporary), []);
});

test.serial("without agreement nothing is made", async (t) => {
	// Given a person who cannot be asked and did not say --yes
	const before = await inventory(admin);
	// When the demo is started
	const running = demo(["--once"]);
	// Then it says so and made nothing
	t.is(await running.exit, 1);
	t.regex(running.output(), /Nothing was changed: .*--yes/);
	t.deepEqual(await settledDifference(before), []);
});

test.serial("a person without rights is told which, and nothing is made", async (t) => {
	// Given a person who may do nothing
	const nobody = await host.kubeconfigFor({ name: "nobody" });
	const before = await inventory(admin);
	// When they start the demo
	const running = demo(["--once", "--yes"], nobody);
	// Then one line names what they may not, and how to go on
	t.is(await running.exit, 1);
	const lines = running.output().trim().split("\n");
	t.regex(lines.at(-1) ?? "", /^Nothing was made: .*you may not .*create.* namespaces.*cluster-admin/);
	t.notRegex(running.output(), /\n\s+at /);
	t.deepEqual(await settledDifference(before), []);
});

test.serial("Ctrl-C in the middle of the start removes what was made so far", async (t) => {
	// Given a demo that has made its namespaces and the API
	const before = await inventory(admin);
	const running = demo(["--yes"]);
	await said(running, /Waiting until the policies let pods in/);
	// When the person ends it
	running.child.kill("SIGINT");
	// Then nothing of it stays
	t.is(await running.exit, 0, running.output());
	t.deepEqual(await settledDifference(before), []);
	t.deepEqual(readdirSync(temporary), []);
});

test.serial("what a killed demo left is found by its label and removed", async (t) => {
	// Given a demo that was killed while it ran
	const before = await inventory(admin);
	const running = demo(["--yes"]);
	await said(running, governed);
	const namespace = /tradingsafety-demo-[0-9a-f]+/.exec(running.output())?.[0] ?? "";
	// When somebody removes leftovers while it still runs
	const early = demo(["--remove", "--yes"]);
	// Then it is left alone
	t.is(await early.exit, 0, early.output());
	t.regex(early.output(), new RegExp(`${namespace} is a demo that is running`));
	t.regex(running.output().trimEnd().split("\n").at(-1) ?? "", governed);
	// When it was killed
	running.child.kill("SIGKILL");
	await running.exit;
	t.true(existsSync(join(temporary, namespace)));
	const later = demo(["--remove", "--yes"]);
	// Then everything is removed, here and there
	t.is(await later.exit, 0, later.output());
	t.deepEqual(await settledDifference(before), []);
	t.deepEqual(readdirSync(temporary), []);
});

test.serial("of two demos the last one takes the API away", async (t) => {
	// Given two demos on one cluster
	const before = await inventory(admin);
	const first = demo(["--yes"]);
	await said(first, governed);
	const second = demo(["--yes"]);
	await said(second, governed);
	t.regex(second.output(), /uses the API that is there, made by another demo/);
	// When the first ends
	first.child.kill("SIGINT");
	t.is(await first.exit, 0, first.output());
	// Then the second goes on
	t.regex(first.output(), /The API stays, because/);
	t.regex(second.output().trimEnd().split("\n").at(-1) ?? "", governed);
	// When it ends, too
	second.child.kill("SIGINT");
	// Then nothing is left
	t.is(await second.exit, 0, second.output());
	t.deepEqual(await settledDifference(before), []);
});

test.serial("an API that an administrator installed is used and stays", async (t) => {
	// Given a cluster with the API
	await installApi(host);
	await until("the namespace of its check is gone", async () => {
		const { stdout } = await kubectl(host, ["get", "namespaces", "-o", "name"]);
		return !stdout.includes("tradingsafety-check");
	});
	const before = await inventory(admin);
	// When the demo runs there, people do what it suggests, and it is ended
	const running = demo(["--yes"]);
	await said(running, governed);
	const namespace = /tradingsafety-demo-[0-9a-f]+/.exec(running.output())?.[0] ?? "";
	const refusals: (string | undefined)[] = [];
	for (const does of [/second person/, /raise to Pause/, /ask for it/, /approve/, /lower to Normal/]) {
		refusals.push(await follow(namespace, does));
	}
	running.child.kill("SIGTERM");
	// Then nothing of that is refused, and the API is as it was
	t.deepEqual(refusals, ["", "", "", "", ""]);
	t.is(await running.exit, 0, running.output());
	t.regex(running.output(), /uses the API that is there, and leaves it/);
	t.deepEqual(await settledDifference(before), []);
});

test.serial("where an operator governs the cluster already, it governs the demo", async (t) => {
	// Given a cluster with the API and an operator of its own
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const kubeconfig = await host.kubeconfigForServiceAccount(account);
	const theirs = startReplica({
		name: "theirs",
		kubeconfig,
		logs: temporary,
		args: [],
		onDied: (how) => t.log(how),
	});
	try {
		await theirs.governing(AbortSignal.timeout(60_000));
		const before = await inventory(admin);
		// When the demo walks there
		const running = demo(["--once", "--yes"]);
		const code = await running.exit;
		// Then it starts no operator, every check holds, and nothing is left
		t.is(code, 0, running.output());
		t.regex(running.output(), /operator that runs in tradingsafety-system governs the desk/);
		t.notRegex(running.output(), /accounts and lease of the operator/);
		t.regex(running.output(), /\d+ passed, 0 failed/);
		t.deepEqual(await settledDifference(before), []);
		t.is(theirs.deaths(), 0);
	} finally {
		await theirs.stop();
	}
});

test.serial("an API with other content is refused in one line", async (t) => {
	// Given an API of which somebody changed a policy
	const change = [{ op: "replace", path: "/spec/failurePolicy", value: "Ignore" }];
	const policy = ["validatingadmissionpolicy", "tradingsafety-fence"];
	const changed = await kubectl(host, ["patch", ...policy, "--type", "json", "-p", JSON.stringify(change)]);
	t.is(changed.code, 0, changed.stderr);
	const before = await inventory(admin);
	// When the demo is started
	const running = demo(["--yes"]);
	// Then it names the difference and makes nothing
	t.is(await running.exit, 1);
	t.regex(
		running.output(),
		/other content \(ValidatingAdmissionPolicy tradingsafety-fence differs at spec.failurePolicy\)/,
	);
	t.deepEqual(await settledDifference(before), []);
});

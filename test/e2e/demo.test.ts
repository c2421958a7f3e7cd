import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import test from "ava";
import { parse } from "yaml";
import type { TradingSafety } from "../../crds/types.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { deskPath } from "../../sidecar/paths.ts";
import { processesOf, tracesOf } from "../dev/traces.ts";
import { until } from "../support/until.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const START = fileURLToPath(new URL("../../dev/start.ts", import.meta.url));
/** The start takes about ten seconds on an idle machine. */
const PATIENCE = { timeoutMilliseconds: 120_000 };

type Running = {
	readonly child: ChildProcess;
	readonly output: () => string;
	/** The folder of its cluster. */
	readonly dir: () => string | undefined;
	readonly exit: Promise<number | string | null>;
};

const demos: Running[] = [];
test.after.always("nothing is left running", () => {
	for (const { child, dir } of demos) {
		child.kill("SIGKILL");
		// Only after a failure is there anything left that names the folder of the demo.
		const left = dir();
		if (left === undefined) continue;
		for (const line of processesOf(left)) {
			try {
				process.kill(Number.parseInt(line, 10), "SIGTERM");
			} catch (error) {
				// It was ending already.
				if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
			}
		}
	}
});

/** Output goes through pipes, so that the demo writes lines and draws nothing, unless `command` gives it a terminal. */
function start(command: string, args: readonly string[], stdin: "ignore" | "pipe" = "ignore"): Running {
	const child = spawn(command, args, { cwd: ROOT, stdio: [stdin, "pipe", "pipe"] });
	let output = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream?.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	}
	const running: Running = {
		child,
		output: () => output,
		dir: () => {
			const people = /^export KUBECONFIG=(\S+)$/m.exec(output)?.[1];
			return people === undefined ? undefined : dirname(dirname(people));
		},
		exit: new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal))),
	};
	demos.push(running);
	return running;
}

/** Waits for a desk in Normal with both replicas ready, and returns the folder of the cluster. */
async function open(running: Running): Promise<string> {
	await until(
		"both replicas are ready",
		() => {
			if (running.child.exitCode !== null) throw new Error(`it ended: ${running.output()}`);
			return running.output().includes("2 of 2 replicas ready");
		},
		PATIENCE,
	);
	return running.dir() ?? "";
}

const replicasOf = (dir: string) => processesOf(dir).filter((line) => line.includes("dev/operator.ts"));

test.serial("the demo opens a desk, starts a killed replica again, and Ctrl-C leaves nothing", async (t) => {
	// Given the demo
	const running = start(process.execPath, [START]);
	const dir = await open(running);
	t.regex(
		running.output(),
		/Normal, in force Normal, confirmed True; pods: risk 1, gateway 1, bots 3, strategies 1, hanger 1, deaf 1, /,
	);
	await until("bots trade", () => /market: [1-9][\d.]* orders\/s, \d+ units held/.test(running.output()));
	t.is(replicasOf(dir).length, 2);
	const traces = tracesOf(dir);
	// When a replica is killed
	const victim = Number.parseInt(replicasOf(dir)[0] ?? "", 10);
	process.kill(victim, "SIGKILL");
	// Then that is said, and another is started
	await until("it is said", () => /replica [ab] ended \(SIGKILL\)/.test(running.output()));
	await until("two replicas run", () => {
		const now = replicasOf(dir);
		return now.length === 2 && now.every((line) => Number.parseInt(line, 10) !== victim);
	});
	const states = () =>
		running
			.output()
			.split("\n")
			.filter((line) => line.includes(" replicas ready"));
	await until("both are ready", () => states().at(-1)?.includes("2 of 2"), PATIENCE);
	// When the person ends it
	running.child.kill("SIGINT");
	// Then it ends well, and nothing is left
	t.is(await running.exit, 0);
	t.deepEqual(await traces(), []);
});

test.serial("a command that the demo prints works as it is", async (t) => {
	// Given the demo, and what it says to try
	const running = start(process.execPath, [START]);
	const dir = await open(running);
	const traces = tracesOf(dir);
	const printed = running.output();
	const preparation = printed.split("\n").filter((line) => /^(export|alias) /.test(line));
	const pause = /^kubectl .*"mode":"Pause".*$/m.exec(printed)?.[0] ?? "no command";
	// When a person pastes it into a shell
	const shell = spawnSync("bash", ["-c", ["shopt -s expand_aliases", ...preparation, pause].join("\n")], {
		encoding: "utf8",
	});
	// Then the desk is raised, and the demo shows how it stops
	t.is(shell.status, 0, shell.stderr);
	const paused = /Pause, in force Pause, confirmed True; pods: risk 1, gateway 1, .*deaf 0, /;
	await until("Pause is confirmed", () => paused.test(running.output()), PATIENCE);
	// And that the venue took no risk of anybody since, but of the one that lies, if it has begun to
	const judged = /since the halt was confirmed: 0 by (6 accounts|5 accounts, \d+ by liar)$/m;
	await until("the venue says so", () => judged.test(running.output()), PATIENCE);
	// When the demo itself is killed
	running.child.kill("SIGKILL");
	// Then cluster and replicas go, too
	await until("nothing is left", async () => (await traces()).length === 0, PATIENCE);
	t.pass();
});

test.serial("the key e presses the button, and turns it free; Ctrl-C ends it", async (t) => {
	// Given the demo at a terminal, as util-linux makes one
	const command = `stty rows 60 cols 160; exec '${process.execPath}' '${START}'`;
	const running = start("script", ["-qefc", command, "/dev/null"], "pipe");
	const seen = () => stripVTControlCharacters(running.output());
	const shows = (what: RegExp) =>
		until(
			`it shows ${what}`,
			() => {
				if (what.test(seen())) return true;
				throw new Error(seen().slice(-3_000));
			},
			PATIENCE,
		);
	await shows(/e-stop +up, green steady \(key e presses it\)/);
	const dir = running.dir() ?? "";
	const traces = tracesOf(dir);
	const people = /export KUBECONFIG=(\S+)/.exec(seen())?.[1] ?? "";
	const client = new Client(await connect(loadKubeConfig(people)));
	t.teardown(() => client.close());
	const { contexts } = parse(readFileSync(people, "utf8"));
	const desk = async () => (await client.get<TradingSafety>(deskPath(contexts[0].context.namespace))).spec;
	t.is((await desk()).mode, "Normal");
	// When a person presses e
	running.child.stdin?.write("e");
	// Then the API server has a press, and the screen shows the button down
	const raised = await until("the desk is raised", async () => {
		const spec = await desk();
		return spec.mode === "Emergency" ? spec : undefined;
	});
	t.is(raised.trip?.type, "Button");
	await shows(/e-stop +pressed, red (fast|steady).*\(key e turns it free\)/);
	// When e is pressed once more, then the button is up again and the desk stays where it is
	const before = seen().length;
	running.child.stdin?.write("e");
	await until("it is up", () => /e-stop +up, red/.test(seen().slice(before)), PATIENCE);
	t.is((await desk()).trip?.id, raised.trip?.id);
	t.is((await desk()).mode, "Emergency");
	// When Ctrl-C is pressed, then nothing is left
	running.child.stdin?.write("\x03");
	t.is(await running.exit, 0);
	t.deepEqual(await traces(), []);
});

test.serial("killing npm ends the demo that it runs", async (t) => {
	// Given the demo as a person starts it
	const running = start("npm", ["start"]);
	const dir = await open(running);
	const traces = tracesOf(dir);
	// When npm is killed, which its children are not told
	running.child.kill("SIGKILL");
	// Then nothing is left
	await until("nothing is left", async () => (await traces()).length === 0, PATIENCE);
	t.pass();
});

test("an argument that is not known is refused with the usage", (t) => {
	// Given a wrong argument
	// When the demo is started with it
	const { status, stderr } = spawnSync(process.execPath, [START, "--twice"], { encoding: "utf8" });
	// Then it says how to call it
	t.is(status, 2);
	t.regex(stderr, /--twice/);
	t.regex(stderr, /Usage: npm start/);
});

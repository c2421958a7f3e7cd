import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { publicKeysMap } from "../../crds/roles.ts";
import { freePorts } from "../../dev/cluster/ports.ts";
import { pathOf } from "../../kube/paths.ts";
import type { PositionsDocument } from "../../permits/positions.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ensurePermitKeys } from "../support/permit-keys.ts";
import { until } from "../support/until.ts";
import { clients, pythonEnvironment, run } from "./commands.ts";

const signal = { http: { port: 8090 }, ttlSeconds: 2, ackMilliseconds: 2_000 };

/** An example as a process. `output`: what it has written. */
type Example = { readonly child: ChildProcess; readonly port: number; readonly output: () => string };

function start(
	t: ExecutionContext,
	[command = "", ...args]: readonly string[],
	port: number,
	keys: string,
): Example {
	const env = { ...process.env, KEYS: keys, PORT: String(port) };
	const child = spawn(command, args, { cwd: clients, env, stdio: ["ignore", "pipe", "pipe"] });
	let output = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	}
	t.teardown(async () => {
		if (child.exitCode !== null || child.signalCode !== null) return;
		child.kill("SIGKILL");
		await once(child, "exit");
	});
	return { child, port, output: () => output };
}

test.serial(
	"the examples in three languages are told by a real operator, and tell their positions",
	async (t) => {
		t.timeout(580_000);
		// Given the public keys as the operator publishes them, and the three examples, each behind a pod
		const [python, build] = [await pythonEnvironment(t), temporaryFolder(t, "examples")];
		const env = { CARGO_TARGET_DIR: build };
		await run("cargo", ["build", "--locked", "--example", "bot"], { cwd: join(clients, "rust"), env });
		const commands = {
			typescript: [process.execPath, "typescript/example.ts"],
			python: [python, "-B", "python/example.py"],
			rust: [join(build, "debug/examples/bot")],
		};
		const names = Object.keys(commands);
		const desk = await TestDesk.create(t);
		await ensurePermitKeys(desk.admin);
		await desk.run(...names.map((name) => ({ name, replicas: 1 })));
		const folder = temporaryFolder(t, "examples");
		const [gates, keys] = [join(folder, "gates.json"), join(folder, "keys.json")];
		writeFileSync(gates, "{}");
		await startReplica(t, desk, { gates });
		await desk.govern({ mode: "Normal", targets: names.map((name) => target(name, "Bot", { signal })) });
		const map = {
			group: "",
			version: "v1",
			resource: "configmaps",
			namespace: desk.namespace,
			name: publicKeysMap,
		};
		const published = await until("the keys are published", async () => {
			const { data } = await desk.admin.get<{ readonly data: Record<string, string> }>(pathOf(map));
			return data["keys.json"];
		});
		writeFileSync(keys, published);
		const ports = await freePorts(names.length);
		const examples = Object.values(commands).map((command, index) =>
			start(t, command, ports[index] ?? 0, keys),
		);
		const pods = await Promise.all(names.map(async (name) => (await desk.pods(name))[0]?.metadata));
		writeFileSync(
			gates,
			JSON.stringify(Object.fromEntries(pods.map((pod, index) => [pod?.name, ports[index]]))),
		);
		/** What each example says of itself. */
		const told = () =>
			Promise.all(
				examples.map(async ({ port }) => {
					const answer = await fetch(`http://127.0.0.1:${port}/positions`);
					return (await answer.json()) as PositionsDocument;
				}),
			);
		// When the desk is in Normal, then each may open, and is told from now on
		await until("each may open", async () => {
			const documents = await told();
			if (documents.every(({ permissions }) => permissions.open)) return true;
			throw new Error(JSON.stringify([documents, examples.map(({ output }) => output())]));
		});
		await until("each is told", async () =>
			(await desk.get()).status?.targets?.every(({ signalled }) => signalled === "Admit"),
		);
		// When the desk is raised to Pause, and then to Emergency
		for (const [mode, permissions] of [
			["Pause", { open: false, reduce: "stops-placed", amendStops: "free" }],
			["Emergency", { open: false, reduce: "free", amendStops: "none" }],
		] as const) {
			const { metadata } = await desk.patch({ mode });
			// Then each has acknowledged it, without being stopped, and says the same of itself
			const { uid, generation } = metadata;
			await until("each says so", async () => {
				const documents = await told();
				const are = documents.map(({ account, restingOrders, positions, ...rest }) => ({
					...{ account, restingOrders, positions },
					...{ epoch: rest.epoch, permissions: rest.permissions },
				}));
				const expected = {
					account: "example",
					restingOrders: 0,
					positions: [],
					epoch: { uid, generation },
					permissions,
				};
				if (are.every((one) => JSON.stringify(one) === JSON.stringify(expected))) return true;
				throw new Error(JSON.stringify(are));
			});
			if (mode === "Pause") {
				const { status } = await desk.confirmed("Pause");
				t.is(status?.conditions?.find(({ type }) => type === "Confirmed")?.reason, "Acknowledged");
			}
			const running = await Promise.all(names.map(async (name) => (await desk.pods(name))[0]?.metadata.uid));
			t.deepEqual(
				running,
				pods.map((pod) => pod?.uid),
			);
		}
		// And each was told once to cancel and flatten
		for (const { output } of examples) t.is(output().match(/do .*flatten/g)?.length, 1, output());
	},
);

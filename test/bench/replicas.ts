import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { nodeFlags } from "../../dev/node-flags.ts";
import { until } from "../support/until.ts";
import { BenchError } from "./error.ts";

const MAIN = fileURLToPath(new URL("../../operator/main.ts", import.meta.url));
/** The same with an address book of ports on this machine, for pods that are played. */
const PLAYED = fileURLToPath(new URL("../../dev/operator.ts", import.meta.url));
const linesKept = 30;

/** Operator replicas as users run them: one process each, with the operator's own account as a pod has it. */
export type Replicas = { readonly pids: readonly number[]; readonly stop: () => Promise<void> };

/**
 * Starts replicas that govern these namespaces; resolves when all are ready. `gates`: see `dev/operator.ts`; `argsOf`: further
 * options of each.
 */
export async function startReplicas(
	cluster: ClusterAccess,
	count: number,
	namespaces: readonly string[],
	gates?: string,
	argsOf: (index: number) => readonly string[] = () => [],
): Promise<Replicas> {
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const { folder, env } = await cluster.podAccess(account);
	const identity = () => `bench-${randomBytes(3).toString("hex")}`;
	const started = Array.from({ length: count }, (_, index) =>
		startReplica(folder, env, identity(), namespaces, gates, argsOf(index)),
	);
	const stop = async () => {
		await Promise.all(started.map((replica) => replica.stop()));
	};
	try {
		await Promise.all(started.map((replica) => replica.ready()));
	} catch (error) {
		await stop();
		throw error;
	}
	return { pids: started.flatMap(({ pid }) => pid ?? []), stop };
}

function startReplica(
	account: string,
	env: Readonly<Record<string, string>>,
	identity: string,
	namespaces: readonly string[],
	gates: string | undefined,
	args: readonly string[],
) {
	const profile = process.env.BENCH_PROFILE_DIR;
	const child = spawn(
		process.execPath,
		[
			...(profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]),
			...nodeFlags,
			...(gates === undefined ? [MAIN] : [PLAYED, "--gates", gates]),
			...["--service-account", account, "--identity", identity, "--http-port", "0"],
			...namespaces.flatMap((namespace) => ["--namespace", namespace]),
			...args,
		],
		{ stdio: ["ignore", "inherit", "pipe"], env: { ...process.env, ...env } },
	);
	const ended = once(child, "exit");
	const lines: string[] = [];
	let port: number | undefined;
	createInterface(child.stderr).on("line", (line) => {
		lines.push(line);
		if (lines.length > linesKept) lines.shift();
		port ??= portIn(line);
	});
	return {
		pid: child.pid,
		ready: () =>
			until(
				`operator replica ${identity} is ready`,
				async () => {
					if (child.exitCode !== null) throw new BenchError("CHILD_FAILED", `it ended:\n${lines.join("\n")}`);
					if (port === undefined) return false;
					const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
					const text = await answer.text();
					if (!answer.ok) throw new BenchError("CHILD_FAILED", text);
					return true;
				},
				{ timeoutMilliseconds: 60_000 },
			),
		async stop() {
			if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
			await ended;
		},
	};
}

/** The operator logs JSON; the line that says it governs names the port that it took. */
function portIn(line: string): number | undefined {
	if (!line.includes('"governing"')) return undefined;
	return (JSON.parse(line) as { readonly port?: number }).port;
}

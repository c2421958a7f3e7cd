import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { estopNodeEnv, estopNodeFlags } from "../../crds/estop-daemonset.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { until } from "../support/until.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";
import { askAll } from "./orders.ts";
import { beginRow, type Row } from "./row.ts";
import { openTrading, type Trading } from "./trading.ts";

const bots = 10;
const ordersPerSecond = 100;
const what = `${bots} bots at ${ordersPerSecond} orders a second each: report readable -> last order that takes risk accepted`;
const main = fileURLToPath(new URL("../../dev/sidecar.ts", import.meta.url));
const serial = "BENCH-ORDERS";
const watchMilliseconds = 300;

type Said = { readonly pressedAt?: number; readonly light?: string };

/** A sidecar of its own process, as in production above the transport. */
type Button = {
	/** Resolves with when its report was readable: milliseconds since 1970. */
	readonly press: () => Promise<number>;
	readonly release: () => void;
	readonly armed: () => Promise<void>;
	readonly stop: () => Promise<void>;
};

/**
 * How soon after a press does the venue accept the last order that takes risk: with an operator, with none that lives, and
 * with neither an operator nor an API server?
 */
export async function pressOrderRows(
	floor: Floor,
	rounds: { readonly all: number; readonly dead: number },
	emit: (row: Row) => void,
): Promise<void> {
	const makers = [beginRow(), beginRow(), beginRow()] as const;
	const trading = await openTrading(floor, { bots, ordersPerSecond, ttlSeconds: 5 });
	const operators = await trading.startReplicas(2);
	const { product, descriptorHash } = boxInfo(serial);
	// Pause lets the bots live, so that the next round needs no new ones; what it forbids Emergency forbids too.
	const estop = { devices: [{ serial, product, descriptorHash }], onPress: "Pause" };
	await floor.admin.patch(trading.desk.path, { spec: { estop } }, { type: "merge" });
	const button = await startButton(floor, trading.gates);
	const apiServer = () => floor.cluster.pids()["kube-apiserver"] ?? 0;
	const baseline: number[] = [];
	const measure = async (name: string, count: number, pids: () => readonly number[]) => {
		const samples: number[] = [];
		while (samples.length < count) {
			floor.progress.report(name, `round ${samples.length + 1} of ${count}`);
			await trading.flowing();
			await button.armed();
			baseline.push(await askAll(trading));
			samples.push(await lastAfterPress(trading, button, pids()));
			await lower(floor, trading, button);
		}
		return samples;
	};
	const how = "2 replicas; 0 where none came after";
	try {
		const all = await measure("press-orders", rounds.all, () => []);
		emit(
			makers[0](
				"press-orders",
				what,
				{ kind: "P99Below", milliseconds: 60 },
				{ samples: all, how },
				{ samples: [...baseline], how: `${bots} parallel GETs to the bots while they trade` },
			),
		);
		const dead = await measure("press-orders-no-operator", rounds.dead, () => operators.pids);
		const limit = { kind: "AtMost", value: 100 } as const;
		const frozen = "every replica frozen just before the press";
		emit(makers[1]("press-orders-no-operator", what, limit, { samples: dead, how: frozen }));
		const alone = await measure("press-orders-no-api-server", rounds.dead, () => [
			...operators.pids,
			apiServer(),
		]);
		emit(
			makers[2]("press-orders-no-api-server", what, limit, {
				samples: alone,
				how: "every replica and the API server frozen just before the press",
			}),
		);
	} finally {
		await button.stop();
		await operators.stop();
		await trading.stop();
	}
}

/** With these processes frozen meanwhile. */
async function lastAfterPress(trading: Trading, button: Button, pids: readonly number[]): Promise<number> {
	for (const pid of pids) process.kill(pid, "SIGSTOP");
	try {
		const pressedAt = await button.press();
		await sleep(watchMilliseconds);
		return Math.max(0, (await trading.lastOpened()) - pressedAt);
	} finally {
		for (const pid of pids) process.kill(pid, "SIGCONT");
	}
}

/** Once the desk shows the press, and nobody holds it any more. */
async function lower({ admin }: Floor, { desk }: Trading, button: Button): Promise<void> {
	await until("the desk shows the press", async () => {
		const { spec } = await admin.get<TradingSafety>(desk.path);
		return spec.mode === "Pause";
	});
	button.release();
	// Longer than a release takes to count.
	await sleep(100);
	const spec = { mode: "Normal", reason: `bench ${performance.now()}` };
	await admin.patch(desk.path, { spec }, { type: "merge" });
}

async function startButton(floor: Floor, gates: string): Promise<Button> {
	const { folder, env } = await floor.cluster.podAccess({ namespace: operatorNamespace, name: estopAccount });
	const args = ["--box", serial, "--gates", gates, "--service-account", folder, "--http-port", "0"];
	const child = fork(main, args, {
		execArgv: [...estopNodeFlags],
		stdio: ["ignore", "ignore", "pipe", "ipc"],
		env: { ...process.env, ...env, ...estopNodeEnv },
	});
	let errors = "";
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		errors = `${errors}${text}`.slice(-2_000);
	});
	const ended = once(child, "exit");
	let light: string | undefined;
	let pressedAt: number | undefined;
	child.on("message", (said: Said) => {
		light = said.light ?? light;
		pressedAt = said.pressedAt ?? pressedAt;
	});
	const alive = () => {
		if (child.exitCode !== null) throw new BenchError("CHILD_FAILED", `the sidecar ended: ${errors}`);
	};
	return {
		async press() {
			pressedAt = undefined;
			child.send("Press");
			return until(
				"the button is pressed",
				() => {
					alive();
					return pressedAt;
				},
				{ intervalMilliseconds: 1 },
			);
		},
		release: () => child.send("Release"),
		// Green: armed, and Normal is confirmed.
		armed: async () => {
			await until("the box is armed", () => {
				alive();
				return light === "Green";
			});
		},
		async stop() {
			child.kill("SIGTERM");
			await ended;
		},
	};
}

/**
 * One sidecar with a virtual box, in a process of its own as in production: `node press-host.ts FOLDER NAMESPACE
 * SERIAL COUNT [OPTION...]`. Presses so often, after each press one bare patch of the same desk on a connection that is open, and
 * prints all times as a line of JSON. What undici says of its requests is the judge of bytes written and answered. With a
 * COUNT of 0 it presses once for each message "Press", without a bare patch; what follows are options of the sidecar.
 */

import { randomUUID } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { pino } from "pino";
import { connect } from "../../kube/connection.ts";
import { followServiceAccount } from "../../kube/service-account.ts";
import { parseOptions } from "../../sidecar/options.ts";
import { deskPath } from "../../sidecar/paths.ts";
import { startSidecar } from "../../sidecar/run.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../../sidecar/testing/virtual-transport.ts";
import { until } from "../support/until.ts";

type Request = { readonly method: string; readonly path: string };
type Times = { written?: number; answered?: number };

const [folder = "", namespace = "", serial = "", count = "1", ...rest] = process.argv.slice(2);
const path = deskPath(namespace);
let times: Times = {};

function note(what: keyof Times) {
	return (message: unknown) => {
		const { method, path: of } = (message as { readonly request: Request }).request;
		if (method === "PATCH" && of === path) times[what] ??= performance.now();
	};
}
subscribe("undici:request:bodySent", note("written"));
subscribe("undici:request:headers", note("answered"));

const transport = new VirtualTransport();
const box = new VirtualBox(transport.plug(boxInfo(serial)));
const options = ["--service-account", folder, "--http-port", "0", ...rest];
const sidecar = await startSidecar(parseOptions(options), {
	transport,
	log: pino(
		{ level: "info" },
		{
			write(line: string) {
				// A watch may show the raise before its answer is here, which is then not waited for.
				if (line.includes("the desk shows the raise")) times.answered ??= performance.now();
				process.stderr.write(line);
			},
		},
	),
});
await until("the box is armed", () => isReady(sidecar.httpPort));
const bare = await connect(followServiceAccount(process.env, folder), { sockets: 1 });

async function patchBare(): Promise<void> {
	const response = await bare.calls.request({
		origin: bare.server.origin,
		path,
		method: "PATCH",
		headers: { ...(await bare.headers()), "content-type": "application/merge-patch+json" },
		body: JSON.stringify({ spec: { trip: { id: randomUUID(), source: "bare" } } }),
		reset: false,
	});
	await response.body.dump();
}

/** Milliseconds from the start of something to the first bytes of its patch, and to the answer. */
async function timed(act: () => unknown): Promise<readonly [number, number]> {
	times = {};
	const startedAt = performance.now();
	act();
	await until("it is answered", () => times.answered !== undefined, { intervalMilliseconds: 1 });
	const { written = Number.NaN, answered = Number.NaN } = times;
	return [written - startedAt, answered - startedAt];
}

/** Not by `fetch`, nor by an import, which load what a sidecar has no use for. */
function isReady(port: number): Promise<boolean> {
	const { get } = process.getBuiltinModule("node:http");
	return new Promise((resolve, reject) => {
		const asked = get({ host: "127.0.0.1", port, path: "/readyz" }, (answer) => {
			answer.resume();
			resolve(answer.statusCode === 200);
		});
		asked.once("error", reject);
	});
}

/** A line of /proc/self/status, in MB. */
function memoryOf(line: string): number {
	const status = readFileSync("/proc/self/status", "utf8");
	return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 2 ** 10;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const presses: (readonly [number, number])[] = [];
const bares: (readonly [number, number])[] = [];
for (let round = 0; round < Number(count); round += 1) {
	// Both after the same quiet time, which is longer than a release takes to count.
	await pause(80);
	presses.push(await timed(() => box.press()));
	box.release();
	await pause(80);
	bares.push(await timed(() => void patchBare()));
}
const memory = () => ({ resident: memoryOf("VmRSS"), anonymous: memoryOf("RssAnon") });
if (count === "0") {
	process.on("message", async (what) => {
		if (what === "Stop") await end();
		await pause(80);
		const pressed = await timed(() => box.press());
		box.release();
		process.send?.({ times: pressed, memory: memory() });
	});
	process.send?.("Ready");
} else {
	console.log(JSON.stringify({ presses, bares, memory: memory() }));
	await end();
}

async function end(): Promise<never> {
	box.hang();
	await sidecar.stop();
	await bare.close();
	process.exit(0);
}

/**
 * Runs in the guest: `node agent.ts PORT` connects to that port of the host, and does what it is asked for there: plays
 * devices to the kernel, starts programs and says what they write.
 */
import { spawn } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import type { GuestAnswer, GuestEvent, GuestRequest } from "./protocol.ts";
import { UhidDevice } from "./uhid.ts";

/** Where QEMU's user network shows the loopback interface of the host. */
const host = "10.0.2.2";
const port = Number(process.argv[2]);
const devices = new Map<string, { readonly device: UhidDevice; readonly box?: VirtualBox }>();

const socket = connect({ host, port });
const tell = (message: GuestAnswer | GuestEvent) => socket.write(`${JSON.stringify(message)}\n`);
// Threads that wait for the kernel would hold up a clean end.
socket.on("close", () => process.kill(process.pid, "SIGKILL"));
socket.on("error", (error) => {
	console.error(error);
	process.exit(1);
});
createInterface({ input: socket }).on("line", (line) => {
	const { id, request } = JSON.parse(line) as { readonly id: number; readonly request: GuestRequest };
	answer(request).then(
		(said) => tell({ id, ...said }),
		(error: unknown) => tell({ id, error: String(error) }),
	);
});

async function answer(request: GuestRequest): Promise<Omit<GuestAnswer, "id">> {
	switch (request.kind) {
		case "Plug": {
			const device = new UhidDevice(request.device);
			devices.set(request.device.serial, { device, ...(!request.silent && { box: new VirtualBox(device) }) });
			return {};
		}
		case "Unplug": {
			const { device, box } = known(request.serial);
			box?.hang();
			device.destroy();
			devices.delete(request.serial);
			return {};
		}
		case "Contacts":
			boxOf(request.serial).set(request.contacts);
			return {};
		case "Report":
			known(request.serial).device.report(Buffer.from(request.report, "hex"));
			return {};
		case "Shown":
			return { indication: boxOf(request.serial).shown() };
		case "Start":
			return { pid: start(request) };
		case "Signal":
			process.kill(request.pid, request.signal);
			return {};
		case "Fetch": {
			const response = await fetch(`http://127.0.0.1:${request.port}${request.path}`);
			return { status: response.status, text: await response.text() };
		}
		case "Files":
			return { names: readdirSync(request.folder) };
		case "Read":
			return { text: readFileSync(request.file, "utf8") };
		case "Write":
			writeFileSync(request.file, request.text);
			return {};
		case "Mode":
			chmodSync(request.file, request.mode);
			return {};
	}
}

function known(serial: string) {
	const found = devices.get(serial);
	if (found === undefined) throw new Error(`there is no device ${serial}`);
	return found;
}

function boxOf(serial: string): VirtualBox {
	const { box } = known(serial);
	if (box === undefined) throw new Error(`device ${serial} is no box`);
	return box;
}

function start({ args, env, uid }: Extract<GuestRequest, { readonly kind: "Start" }>): number {
	const { UV_THREADPOOL_SIZE: _own, ...inherited } = process.env;
	const child = spawn(process.execPath, args, {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...inherited, ...env },
		...(uid !== undefined && { uid, gid: uid }),
	});
	const { pid } = child;
	if (pid === undefined) throw new Error(`cannot start ${args.join(" ")}`);
	for (const stream of [child.stdout, child.stderr]) {
		createInterface({ input: stream }).on("line", (line) => tell({ event: "Line", pid, line }));
	}
	child.on("close", (code, signal) => tell({ event: "Ended", pid, how: signal ?? `exit code ${code}` }));
	return pid;
}

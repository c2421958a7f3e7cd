import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { HidGuestError } from "./errors.ts";
import { ensureImage } from "./image.ts";
import type { GuestAnswer, GuestEvent, GuestRequest } from "./protocol.ts";

/** The host's loopback interface, as the guest reaches it. */
export const hostAddress = "10.0.2.2";

const agent = fileURLToPath(new URL("agent.ts", import.meta.url));
const startMilliseconds = 180_000;
const answerMilliseconds = 60_000;
const keptLines = 200;

/** A running guest with a kernel of its own, in which HID devices can be plugged. */
export type HidGuest = {
	/** Asks its agent. @throws HidGuestError `Refused`, `Ended` */
	readonly ask: (request: GuestRequest) => Promise<Omit<GuestAnswer, "id">>;
	/** What programs in there wrote, the last lines of each, and that they ended. */
	readonly linesOf: (pid: number) => readonly string[];
	readonly hasEnded: (pid: number) => boolean;
	/** The end of its console. */
	readonly console: () => string;
	readonly stop: () => Promise<void>;
};

/**
 * Boots Debian's kernel in QEMU, without KVM. It reads the file system of this machine, writes nothing to it, and reaches
 * its loopback interface. It ends with this process.
 * @throws HidGuestError `NotPossible`, `CommandFailed`, `StartFailed`
 */
export async function startHidGuest(say: (what: string) => void = () => {}): Promise<HidGuest> {
	const { kernel, initrd } = await ensureImage(say);
	const server = createServer();
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const words = ["console=ttyS0", "quiet", "panic=-1", "rdinit=/init"];
	const options = { node: process.execPath, agent, port };
	const append = [
		...words,
		...Object.entries(options).map(([name, value]) => `tradingsafety.${name}=${value}`),
	];
	const child = spawn(
		"setpriv",
		[
			...["--pdeathsig", "KILL", "qemu-system-x86_64"],
			// One processor: with two, about one start of Node.js in seven ended with SIGSEGV (QEMU 7.2).
			...["-accel", "tcg,thread=single", "-cpu", "max", "-smp", "1", "-m", "1024"],
			...["-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"],
			...["-kernel", kernel, "-initrd", initrd, "-append", append.join(" ")],
			...["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
			...["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
		],
		{ stdio: ["pipe", "pipe", "pipe"] },
	);
	let shown = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding("utf8").on("data", (text: string) => {
			shown = `${shown}${text}`.slice(-10_000);
		});
	}
	const ended = new Promise<string>((resolve) => {
		child.once("error", (error) => resolve(error.message));
		child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
	});
	const stopQemu = async () => {
		server.close();
		child.kill("SIGKILL");
		await ended;
	};
	try {
		const socket = await first(server, ended, () => shown);
		return talk(socket, ended, { shown: () => shown, stopQemu });
	} catch (error) {
		await stopQemu();
		throw error;
	}
}

async function first(
	server: ReturnType<typeof createServer>,
	ended: Promise<string>,
	shown: () => string,
): Promise<Socket> {
	const late = AbortSignal.timeout(startMilliseconds);
	const connected = once(server, "connection", { signal: late }).then(([socket]) => socket as Socket);
	connected.catch(() => {});
	try {
		return await Promise.race([connected, ended.then((how) => Promise.reject(new Error(`QEMU: ${how}`)))]);
	} catch (cause) {
		throw new HidGuestError("StartFailed", `the guest did not come up: ${cause}\n${shown()}`, { cause });
	}
}

function talk(
	socket: Socket,
	ended: Promise<string>,
	{ shown, stopQemu }: { readonly shown: () => string; readonly stopQemu: () => Promise<void> },
): HidGuest {
	const waiting = new Map<number, (answer: GuestAnswer) => void>();
	const lines = new Map<number, string[]>();
	const over = new Set<number>();
	let last = 0;
	socket.on("error", () => socket.destroy());
	createInterface({ input: socket }).on("line", (line) => {
		const message = JSON.parse(line) as GuestAnswer | GuestEvent;
		if ("id" in message) {
			waiting.get(message.id)?.(message);
			waiting.delete(message.id);
			return;
		}
		const kept = lines.get(message.pid) ?? [];
		lines.set(message.pid, kept);
		kept.push(message.event === "Line" ? message.line : `ended: ${message.how}`);
		kept.splice(0, kept.length - keptLines);
		if (message.event === "Ended") over.add(message.pid);
	});
	const gone = ended.then((how): never => {
		throw new HidGuestError("Ended", `the guest has ended (${how})\n${shown()}`);
	});
	gone.catch(() => {});
	return {
		async ask(request) {
			last += 1;
			const id = last;
			const answered = new Promise<GuestAnswer>((resolve) => waiting.set(id, resolve));
			socket.write(`${JSON.stringify({ id, request })}\n`);
			const late = AbortSignal.timeout(answerMilliseconds);
			const { promise: tooLate, reject } = Promise.withResolvers<never>();
			late.addEventListener("abort", () =>
				reject(new HidGuestError("Refused", `the guest did not answer: ${JSON.stringify(request)}`)),
			);
			tooLate.catch(() => {});
			const { id: _id, ...answer } = await Promise.race([answered, gone, tooLate]);
			if (answer.error !== undefined) throw new HidGuestError("Refused", answer.error);
			return answer;
		},
		linesOf: (pid) => lines.get(pid) ?? [],
		hasEnded: (pid) => over.has(pid),
		console: shown,
		async stop() {
			// It has nothing to lose.
			socket.destroy();
			await stopQemu();
		},
	};
}

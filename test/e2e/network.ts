import { execFileSync, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { startProgram } from "../dev/venue/program.ts";
import type { Scope } from "../support/scope.ts";

/** A network namespace with one wire to this machine's. It ends, wire and all, with the test or its process. */
export type OtherNetwork = {
	/** A command that becomes a program there, with its arguments. */
	readonly via: readonly string[];
	/** Makes ports that listen on its loopback reachable from here, and says where. */
	readonly expose: (ports: readonly number[]) => Promise<readonly string[]>;
	/** Pulls the wire out at the other end: what is sent from here goes nowhere, and nobody says so. */
	readonly cut: () => void;
	readonly mend: () => void;
};

/** Makes it. Throws, saying what is needed, where this process may not. */
export async function openNetwork(t: Scope): Promise<OtherNetwork> {
	// Nothing but this process holds the namespace, so that nothing of it outlives whoever runs the test.
	const holder = spawn("unshare", ["--net", "sh", "-c", "ip link set lo up && echo up && read _"], {
		stdio: ["pipe", "pipe", "pipe"],
	});
	const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
	let said = "";
	holder.stderr.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	holder.once("error", (error) => {
		said += error.message;
	});
	t.teardown(async () => {
		holder.stdin.end();
		await ended;
	});
	await Promise.race([once(holder.stdout, "data"), ended]);
	if (holder.exitCode !== null || holder.pid === undefined) throw new Error(refusal(said));
	const space = `/proc/${holder.pid}/ns/net`;
	const via = ["nsenter", `--net=${space}`, "--"];
	const wire = `ts${randomBytes(4).toString("hex")}`;
	// Of the block that is set aside for tests of networks, which leads nowhere else.
	const block = `198.${randomInt(18, 20)}.${randomInt(256)}`;
	const [here, there] = [`${block}.1`, `${block}.2`];
	const inside = (...args: readonly string[]) => run([...via, "ip", ...args]);
	run(["ip", "link", "add", wire, "type", "veth", "peer", "name", "wire", "netns", String(holder.pid)]);
	run(["ip", "address", "add", `${here}/30`, "dev", wire]);
	run(["ip", "link", "set", wire, "up"]);
	inside("address", "add", `${there}/30`, "dev", "wire");
	inside("link", "set", "wire", "up");
	return {
		via,
		async expose(ports) {
			const args = [there, ...ports.map(String)];
			const relay = await startProgram<unknown>("test/e2e/relay.ts", args, via);
			t.teardown(() => relay.end());
			return ports.map((port) => `${there}:${port}`);
		},
		cut: () => inside("link", "set", "wire", "down"),
		mend: () => inside("link", "set", "wire", "up"),
	};
}

function run([command = "", ...args]: readonly string[]): void {
	try {
		execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
	} catch (cause) {
		throw new Error(refusal(cause instanceof Error ? cause.message : String(cause)), { cause });
	}
}

function refusal(said: string): string {
	return `a network namespace cannot be made here: it needs Linux, root, and unshare, nsenter and ip: ${said.trim()}`;
}

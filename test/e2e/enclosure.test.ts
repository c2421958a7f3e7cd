import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { processesIn } from "../../dev/node/cgroups.ts";
import { until } from "../support/until.ts";

const enclose = fileURLToPath(new URL("../../dev/node/enclose.ts", import.meta.url));
/** Puts itself and a child that ignores every signal but the last into the cgroup, says where it is, and stays. */
const inside = `
	const { folder, cgroup } = JSON.parse(process.env.TRADINGSAFETY_ENCLOSURE);
	require("node:fs").writeFileSync("/sys/fs/cgroup/pids/" + cgroup + "/cgroup.procs", String(process.pid));
	require("node:child_process").spawn("sh", ["-c", "trap '' TERM HUP INT; sleep 1000 & wait"], { detached: true });
	console.log(JSON.stringify({ folder, cgroup, interfaces: Object.keys(require("node:os").networkInterfaces()) }));
	setInterval(() => {}, 1000);
`;

type Inside = { readonly folder: string; readonly cgroup: string; readonly interfaces: readonly string[] };

async function start(t: ExecutionContext): Promise<{ readonly child: ChildProcess; readonly found: Inside }> {
	const child = spawn(process.execPath, [enclose, process.execPath, "-e", inside], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	t.teardown(() => child.kill("SIGKILL"));
	for await (const line of createInterface({ input: child.stdout })) {
		return { child, found: JSON.parse(line) as Inside };
	}
	throw new Error("it said nothing");
}

const cgroupFolder = ({ cgroup }: Inside) => join("/sys/fs/cgroup/pids", cgroup);

for (const { how, end } of [
	{ how: "its standard input is closed", end: (child: ChildProcess) => child.stdin?.end() },
	{ how: "it is told to end", end: (child: ChildProcess) => child.kill("SIGTERM") },
]) {
	test.serial(`an enclosure leaves nothing when ${how}`, async (t) => {
		t.timeout(300_000);
		// Given processes in an enclosure, which has a network of its own
		const { child, found } = await start(t);
		t.deepEqual(found.interfaces, ["lo", "nodes0"]);
		await until("its processes run", () => processesIn(cgroupFolder(found)).length >= 3);
		// When it ends
		const exited = once(child, "exit");
		end(child);
		await exited;
		// Then there is nothing of it
		t.false(existsSync(cgroupFolder(found)));
		t.false(existsSync(found.folder));
	});
}

test.serial(
	"of an enclosure that is killed no process is left, and the next one removes the rest",
	async (t) => {
		t.timeout(300_000);
		// Given processes in an enclosure
		const { child, found } = await start(t);
		await until("its processes run", () => processesIn(cgroupFolder(found)).length >= 3);
		// When it is killed
		child.kill("SIGKILL");
		// Then its processes end with it
		await until("no process is left", () => processesIn(cgroupFolder(found)).length === 0);
		t.is(basename(found.folder), found.cgroup);
		// And when another one starts, what the first had outside is gone, and what is not of a dead one is not
		const next = await start(t);
		t.false(existsSync(cgroupFolder(found)));
		t.false(existsSync(found.folder));
		const third = await start(t);
		t.true(existsSync(cgroupFolder(next.found)));
		t.true(existsSync(next.found.folder));
		for (const each of [next, third]) {
			const exited = once(each.child, "exit");
			each.child.kill("SIGTERM");
			await exited;
		}
	},
);

test("where nodes are not possible it says why, and fails", async (t) => {
	// Given somebody who is not root
	const child = spawn(process.execPath, [enclose, "true"], {
		stdio: ["ignore", "ignore", "pipe"],
		uid: 65_534,
		gid: 65_534,
	});
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	// When they start it
	const [code] = await once(child, "close");
	// Then
	t.is(code, 1);
	t.regex(said, /real nodes are not possible here: this is not root/);
});

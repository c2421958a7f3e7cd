import { existsSync, readFileSync } from "node:fs";
import { installPackages } from "../debian.ts";
import { NodeError } from "./errors.ts";
import { run } from "./run.ts";

/** Debian's names, each with a file that it brings. */
const packages: Readonly<Record<string, string>> = {
	containerd: "/usr/bin/containerd",
	runc: "/usr/sbin/runc",
	"containernetworking-plugins": "/usr/lib/cni/bridge",
	iproute2: "/usr/sbin/ip",
};

/**
 * Makes sure that real nodes can run on this machine; installs the Debian packages that lack.
 * @throws NodeError `NotPossible`, with everything that lacks
 */
export async function ensureAbilities(say: (what: string) => void): Promise<void> {
	const lacks = await lacking();
	if (lacks.length > 0) {
		throw new NodeError("NotPossible", `real nodes are not possible here: ${lacks.join("; ")}`);
	}
	const wanted = absentPackages();
	if (wanted.length === 0) return;
	say(`Installing ${wanted.join(", ")}`);
	await installPackages(wanted);
	const left = absentPackages();
	if (left.length > 0) {
		throw new NodeError(
			"NotPossible",
			`real nodes are not possible here: ${left.join(", ")} did not install`,
		);
	}
}

function absentPackages(): readonly string[] {
	return Object.entries(packages)
		.filter(([, file]) => !existsSync(file))
		.map(([name]) => name);
}

async function lacking(): Promise<readonly string[]> {
	if (process.platform !== "linux") return ["the system is not Linux"];
	if (process.getuid?.() !== 0) return ["this is not root"];
	const lacks: string[] = [];
	if (!existsSync("/sys/fs/cgroup/pids/cgroup.procs")) {
		lacks.push("there are no cgroup v1 hierarchies under /sys/fs/cgroup (the unified one is not supported)");
	}
	for (const kind of ["overlay", "tmpfs", "proc"]) {
		const known = readFileSync("/proc/filesystems", "utf8").split("\n");
		if (!known.some((line) => line.endsWith(`\t${kind}`))) lacks.push(`the kernel has no ${kind}`);
	}
	if (absentPackages().length > 0 && !existsSync("/usr/bin/apt-get")) {
		lacks.push(`${absentPackages().join(", ")} are not installed and there is no apt-get`);
	}
	if (lacks.length > 0) return lacks;
	try {
		// An enclosure with another in it, as that of a node is.
		const inner = [...unshare, "sh", "-c", "mount -t tmpfs none /mnt && ls /proc/self"];
		await run(unshare[0] ?? "", [...unshare.slice(1), "--net", "sh", "-c", '"$@"; exit $?', "-", ...inner]);
		return [];
	} catch (error) {
		return [`namespaces cannot be made: ${error instanceof Error ? error.message : error}`];
	}
}

/** The command that gives its child namespaces of processes and mounts of its own, all of which end with the child. */
export const unshare: readonly string[] = [
	"unshare",
	"--mount",
	"--pid",
	"--fork",
	"--kill-child=KILL",
	"--mount-proc",
];

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withLock } from "../cluster/lock.ts";
import { defaultCacheFolder } from "../cluster/toolchain.ts";
import { aptGet, installPackages } from "../debian.ts";
import { HidGuestError } from "./errors.ts";

/** What a guest boots from. */
export type Image = { readonly kernel: string; readonly initrd: string };

const init = fileURLToPath(new URL("init.sh", import.meta.url));
/** Debian's names, each with a file that it brings. */
const packages: Readonly<Record<string, string>> = {
	"qemu-system-x86": "/usr/bin/qemu-system-x86_64",
	"libusb-1.0-0": "/usr/lib/x86_64-linux-gnu/libusb-1.0.so.0",
	"busybox-static": "/bin/busybox",
	cpio: "/usr/bin/cpio",
	kmod: "/sbin/modprobe",
};
const kernelPackage = "linux-image-amd64";
const modules = ["hid", "hid-generic", "uhid", "virtio_pci", "virtio_net", "9pnet_virtio", "9p"];

/**
 * Makes sure that a guest can boot on this machine: installs the Debian packages that lack, fetches Debian's kernel without
 * installing it, and packs what boots. Kept for later calls.
 * @throws HidGuestError `NotPossible`, with everything that lacks; `CommandFailed`
 */
export async function ensureImage(say: (what: string) => void): Promise<Image> {
	await ensurePackages(say);
	const cache = defaultCacheFolder(process.env);
	const parts = [readFileSync(init, "utf8"), JSON.stringify([kernelPackage, modules])];
	const key = `hid-guest-${createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16)}`;
	const folder = join(cache, key);
	const image = { kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd") };
	mkdirSync(cache, { recursive: true, mode: 0o700 });
	await withLock(join(cache, `${key}.lock`), async () => {
		if (existsSync(folder)) return;
		for (const name of readdirSync(cache)) {
			if (name.startsWith(`${key}.making.`)) rmSync(join(cache, name), { recursive: true, force: true });
		}
		const temporary = mkdtempSync(join(cache, `${key}.making.`));
		try {
			say("Fetching a kernel for the guest (once)");
			await make(temporary);
			renameSync(temporary, folder);
		} finally {
			rmSync(temporary, { recursive: true, force: true });
		}
	});
	return image;
}

async function ensurePackages(say: (what: string) => void): Promise<void> {
	const lacks = [
		...(process.platform === "linux" && process.arch === "x64" ? [] : ["this is not Linux on x86-64"]),
		...(process.getuid?.() === 0 ? [] : ["this is not root"]),
		...(existsSync("/usr/bin/apt-get") ? [] : ["there is no apt-get"]),
	];
	if (lacks.length > 0) {
		throw new HidGuestError("NotPossible", `a guest is not possible here: ${lacks.join("; ")}`);
	}
	const absent = () => Object.keys(packages).filter((name) => !existsSync(packages[name] ?? ""));
	if (absent().length === 0) return;
	say(`Installing ${absent().join(", ")}`);
	await installPackages(absent());
	if (absent().length > 0) {
		throw new HidGuestError(
			"NotPossible",
			`a guest is not possible here: ${absent().join(", ")} did not install`,
		);
	}
}

async function make(folder: string): Promise<void> {
	const depends = await run("apt-cache", ["depends", kernelPackage]).catch(() => "");
	const known = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
	if (known === undefined) await aptGet(["update", "-qq"]);
	const name =
		known ?? /Depends: (linux-image-\S+)/.exec(await run("apt-cache", ["depends", kernelPackage]))?.[1];
	if (name === undefined) throw new HidGuestError("NotPossible", `apt knows no ${kernelPackage}`);
	const unpacked = join(folder, "unpacked");
	await aptGet(["download", name], folder);
	const deb = readdirSync(folder).find((file) => file.endsWith(".deb")) ?? "";
	await run("dpkg-deb", ["-x", join(folder, deb), unpacked]);
	const [version = ""] = readdirSync(join(unpacked, "lib/modules"));
	await run("depmod", ["-b", unpacked, version]);

	const root = join(folder, "root");
	for (const path of ["bin", "modules"]) mkdirSync(join(root, path), { recursive: true });
	copyFileSync(init, join(root, "init"));
	chmodSync(join(root, "init"), 0o755);
	copyFileSync("/bin/busybox", join(root, "bin/busybox"));
	const order: string[] = [];
	for (const wanted of modules) {
		for (const file of await filesOf(unpacked, version, wanted)) {
			const module = basename(file, ".ko");
			if (order.includes(module)) continue;
			copyFileSync(file, join(root, "modules", `${module}.ko`));
			order.push(module);
		}
	}
	writeFileSync(join(root, "modules.order"), `${order.join("\n")}\n`);
	const initrd = join(folder, "initrd");
	await run("sh", ["-c", `find . | cpio -o -H newc --quiet > "$1"`, "-", initrd], root);
	copyFileSync(join(unpacked, "boot", `vmlinuz-${version}`), join(folder, "vmlinuz"));
	for (const path of [unpacked, root, join(folder, deb)]) rmSync(path, { recursive: true });
}

/** A module and what it needs, in the order in which they are inserted. */
async function filesOf(unpacked: string, version: string, module: string): Promise<readonly string[]> {
	const args = ["-d", unpacked, "-S", version, "--show-depends", module];
	const lines = (await run("modprobe", args)).split("\n");
	return lines.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []);
}

async function run(command: string, args: readonly string[], cwd?: string): Promise<string> {
	try {
		const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
		const options = { env, maxBuffer: 64 << 20, ...(cwd !== undefined && { cwd }) };
		return (await promisify(execFile)(command, args, options)).stdout;
	} catch (cause) {
		const { stderr = "" } = cause as { readonly stderr?: string };
		const text = `${command} ${args.join(" ")} failed: ${stderr.slice(-1_000)}`;
		throw new HidGuestError("CommandFailed", text, { cause });
	}
}

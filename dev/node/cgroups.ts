import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode } from "../cluster/errors.ts";

const root = "/sys/fs/cgroup";

function hierarchies(): readonly string[] {
	return readdirSync(root, { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map(({ name }) => join(root, name));
}

/** Makes a cgroup in every hierarchy. With cpus and memory of its parent: nothing runs in a cpuset that has none. */
export function makeCgroup(name: string): void {
	for (const hierarchy of hierarchies()) {
		const folder = join(hierarchy, name);
		mkdirSync(folder, { recursive: true });
		for (const file of ["cpuset.cpus", "cpuset.mems"]) {
			if (!existsSync(join(folder, file))) continue;
			let above = hierarchy;
			for (const part of name.split("/")) {
				const value = readFileSync(join(above, file), "utf8");
				above = join(above, part);
				writeFileSync(join(above, file), value);
			}
		}
	}
}

/** Removes a cgroup with all in it; false while something still runs there. */
export function removeCgroup(name: string): boolean {
	return hierarchies().every((hierarchy) => removeFolder(join(hierarchy, name)));
}

/** The names of the cgroups right under the root of some hierarchy that begin so. */
export function cgroupsNamed(prefix: string): readonly string[] {
	const names = hierarchies().flatMap((hierarchy) => subfolders(hierarchy));
	return [...new Set(names)].filter((name) => name.startsWith(prefix));
}

/** The processes in a cgroup and in all below it, as this process numbers them. */
export function processesIn(folder: string): readonly number[] {
	const own = readIfThere(join(folder, "cgroup.procs"))
		.split("\n")
		.filter((line) => line !== "")
		.map(Number);
	return [...own, ...subfolders(folder).flatMap((name) => processesIn(join(folder, name)))];
}

/** The folders below `folder` in the hierarchy that counts processes whose name holds `part`, not those inside of them. */
export function findCgroups(name: string, part: string): readonly string[] {
	const below = (folder: string): readonly string[] =>
		subfolders(folder).flatMap((each) => {
			const path = join(folder, each);
			return each.includes(part) ? [path] : below(path);
		});
	return below(join(root, "pids", name));
}

function removeFolder(folder: string): boolean {
	const empty = subfolders(folder)
		.map((name) => removeFolder(join(folder, name)))
		.every((gone) => gone);
	try {
		if (empty) rmdirSync(folder);
		return empty;
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === "EBUSY") return false;
		if (code === "ENOENT") return true;
		throw error;
	}
}

function subfolders(folder: string): readonly string[] {
	try {
		return readdirSync(folder, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map(({ name }) => name);
	} catch (error) {
		// What runs there makes and removes cgroups while this looks.
		if (systemErrorCode(error) === "ENOENT") return [];
		throw error;
	}
}

function readIfThere(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === "ENOENT" || code === "ENODEV") return "";
		throw error;
	}
}

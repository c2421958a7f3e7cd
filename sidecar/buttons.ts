import { readFile } from "node:fs/promises";
import { DeviceError } from "./devices/error.ts";
import type { Profile } from "./devices/profile.ts";
import { configuredProfiles } from "./devices/profiles.ts";
import { SidecarError } from "./error.ts";

/**
 * Reads buttons that nobody wrote a profile for, from a file of JSON. One that is wrong is left out and named: it must not
 * keep the others from working. Without a file there are none.
 * @throws SidecarError `USAGE` where the file cannot be read or is no list
 */
export async function readButtons(
	file: string | undefined,
): Promise<{ readonly profiles: readonly Profile[]; readonly problems: readonly string[] }> {
	const known: unknown[] = [];
	const problems: string[] = [];
	for (const button of file === undefined ? [] : await listIn(file)) {
		try {
			configuredProfiles([...known, button]);
			known.push(button);
		} catch (error) {
			if (!(error instanceof DeviceError)) throw error;
			problems.push(`${file}: ${error.message}`);
		}
	}
	return { profiles: configuredProfiles(known), problems };
}

async function listIn(file: string): Promise<readonly unknown[]> {
	try {
		const content: unknown = JSON.parse(await readFile(file, "utf8"));
		if (Array.isArray(content)) return content;
		throw new Error("it is no list");
	} catch (cause) {
		const why = cause instanceof Error ? cause.message : String(cause);
		throw new SidecarError("USAGE", `--buttons ${file}: ${why}; it must be a list in JSON`, { cause });
	}
}

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPackages } from "../debian.ts";

const run = promisify(execFile);

/** The library that Debian's package has. */
export const softHsmModule = "/usr/lib/softhsm/libsofthsm2.so";

/** SoftHSM 2: tokens in a folder, for whoever has its configuration in `SOFTHSM2_CONF`. */
export type SoftHsm = {
	readonly config: string;
	/** Where its tokens are. */
	readonly tokens: string;
	/** Makes a token with this label and user PIN. */
	readonly makeToken: (label: string, pin: string) => Promise<void>;
	/** Makes a key pair with OpenSC's `pkcs11-tool`, `type` as it says it, such as `EC:prime256v1`. */
	readonly makeKey: (key: {
		readonly token: string;
		readonly pin: string;
		readonly label: string;
		readonly type: string;
		readonly isExtractable?: boolean;
	}) => Promise<void>;
	/** Runs `pkcs11-tool` with these options after those for the module; returns what it prints. */
	readonly tool: (...args: readonly string[]) => Promise<string>;
};

/** Installs Debian's packages where they are missing. */
export async function installSoftHsm(): Promise<void> {
	const files = ["/usr/bin/softhsm2-util", "/usr/bin/pkcs11-tool", softHsmModule];
	if (!files.every((path) => existsSync(path))) await installPackages(["softhsm2", "opensc"]);
}

/** Makes a SoftHSM in a folder. */
export async function makeSoftHsm(folder: string): Promise<SoftHsm> {
	const [tokens, config] = [join(folder, "tokens"), join(folder, "softhsm2.conf")];
	mkdirSync(tokens, { recursive: true, mode: 0o700 });
	writeFileSync(config, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
	const env = { ...process.env, SOFTHSM2_CONF: config };
	const tool = async (...args: readonly string[]) =>
		(await run("pkcs11-tool", ["--module", softHsmModule, ...args], { env })).stdout;
	return {
		config,
		tokens,
		tool,
		makeToken: async (label, pin) => {
			const names = ["--label", label, "--pin", pin, "--so-pin", "12345678"];
			await run("softhsm2-util", ["--init-token", "--free", ...names], { env });
		},
		makeKey: async ({ token, pin, label, type, isExtractable = false }) => {
			const id = Buffer.from(label).toString("hex");
			const names = ["--token-label", token, "--label", label, "--id", id, "--key-type", type];
			const more = isExtractable ? ["--extractable"] : ["--sensitive"];
			await tool("--login", "--pin", pin, "--keypairgen", ...names, ...more);
		},
	};
}

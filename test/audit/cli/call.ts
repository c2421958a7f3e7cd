import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../../audit/cli/main.ts", import.meta.url));

/** What the command line answered. */
export type Answer = { readonly code: number; readonly out: string; readonly err: string };

/** Runs `tradingsafety-audit` as a process. */
export function call(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
	return new Promise((resolve) => {
		execFile(process.execPath, [main, ...args], { env: { ...process.env, ...env } }, (error, out, err) =>
			resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err }),
		);
	});
}

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ClusterError, systemErrorCode } from "./errors.ts";

const OLDEST = { major: 1, minor: 26 };
const ADVICE = "Go 1.26 or newer is needed once, to build the Kubernetes servers";
const WHERE = "see https://go.dev/doc/install";

/** How to call the go command. */
export type GoCall = {
	/** The folder of `go.mod`. */
	readonly folder: string;
	readonly env: NodeJS.ProcessEnv;
	/** Gets each line of standard error as it comes. */
	readonly onLine?: (line: string) => void;
	readonly signal?: AbortSignal | undefined;
};

/** Runs `go` and returns its standard output; throws `GoMissing`, or `BuildFailed` with go's last words. */
export async function runGo(args: readonly string[], call: GoCall): Promise<string> {
	const child = spawn("go", args, {
		cwd: call.folder,
		// A person's own flags must not change what is built.
		env: { ...call.env, GOFLAGS: "", GOWORK: "off", GO111MODULE: "on" },
		stdio: ["ignore", "pipe", "pipe"],
		...(call.signal === undefined ? {} : { signal: call.signal }),
	});
	let output = "";
	const errors: string[] = [];
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		output += text;
	});
	createInterface({ input: child.stderr }).on("line", (line) => {
		errors.push(line);
		call.onLine?.(line);
	});
	const code = await new Promise<number | null>((resolve, reject) => {
		child.once("error", (error) =>
			reject(
				systemErrorCode(error) === "ENOENT"
					? new ClusterError("GoMissing", `${ADVICE} (found none): ${WHERE}`, { cause: error })
					: error,
			),
		);
		child.once("close", resolve);
	});
	if (code === 0) return output;
	throw new ClusterError("BuildFailed", `go ${args[0]} failed:\n${errors.slice(-15).join("\n")}`);
}

/** Throws one clear line when the machine's Go is missing or too old. */
export async function checkGo(env: NodeJS.ProcessEnv): Promise<void> {
	// Outside of any module: inside one, an old Go with a network would quietly fetch a newer one.
	const version = (await runGo(["env", "GOVERSION"], { folder: "/", env })).trim();
	const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
	if (major === undefined || minor === undefined || !isNewEnough(Number(major), Number(minor))) {
		throw new ClusterError("GoTooOld", `${ADVICE} (found ${version.replace(/^go/, "")}): ${WHERE}`);
	}
}

function isNewEnough(major: number, minor: number): boolean {
	return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
}

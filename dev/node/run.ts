import { spawn } from "node:child_process";
import { NodeError } from "./errors.ts";

/** Runs a program to its end and returns its standard output. Throws `CommandFailed` with its last words. */
export async function run(command: string, args: readonly string[]): Promise<string> {
	const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
	let output = "";
	let errors = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		output += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		errors += text;
	});
	const how = await new Promise<string | undefined>((resolve, reject) => {
		child.once("error", (cause) =>
			reject(new NodeError("CommandFailed", `${command}: ${cause.message}`, { cause })),
		);
		child.once("close", (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
	});
	if (how === undefined) return output;
	throw new NodeError("CommandFailed", `${command} ${args.join(" ")}: ${how}\n${errors.slice(-2_000)}`);
}

/**
 * `npm test [-- FILE... AVA-FLAG...]`: starts one cluster for the run, runs every test file in a process of
 * its own, several at a time, and ends with the line `N passed, N failed`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { globSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startCluster } from "../dev/cluster/cluster.ts";
import { ClusterError, messageOf } from "../dev/cluster/errors.ts";
import { clusterFiles } from "../dev/cluster/files.ts";
import { displayProgress } from "../dev/cluster/progress.ts";
import { installApi } from "../dev/install.ts";
import { withTestedServers } from "./support/server-flags.ts";
import { readTap, type TapReport } from "./support/tap.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const AVA = join(ROOT, "node_modules/ava/entrypoints/cli.js");
const ENCLOSE = join(ROOT, "dev/node/enclose.ts");
const FILES = "test/**/*.test.ts";
/** These take long or need more than this machine; they have commands of their own. */
const ELSEWHERE = ["test/e2e/**", "test/soak/**"];
/** Most of them wait more than they compute. */
const FILES_AT_ONCE = availableParallelism() + 1;
const SLOW_MILLISECONDS = 15_000;

type FileResult = TapReport & { readonly file: string; readonly seconds: number; readonly output: string };

/** File names and folders choose what runs, without any all of the folder after `--in`; everything else is for ava. */
function readArguments(args: readonly string[]): { readonly files: string[]; readonly avaFlags: string[] } {
	const [within, ...rest] = args[0] === "--in" ? args.slice(1) : [undefined, ...args];
	const patterns: string[] = [];
	const avaFlags: string[] = [];
	for (const argument of rest as readonly string[]) {
		if (argument.endsWith(".ts")) patterns.push(argument);
		else if (!argument.startsWith("-") && isFolder(argument)) patterns.push(join(argument, "**/*.test.ts"));
		else avaFlags.push(argument);
	}
	const all = within === undefined ? FILES : join(within, "**/*.test.ts");
	const files = globSync(patterns.length > 0 ? patterns : all, {
		cwd: ROOT,
		...(patterns.length === 0 && within === undefined && { exclude: ELSEWHERE }),
	});
	const slowFirst = [...new Set(files)].sort().toSorted((a, b) => Number(isSlow(b)) - Number(isSlow(a)));
	return { files: slowFirst, avaFlags };
}

/** A file with a cluster of its own takes longest: begun last, it would run alone at the end. */
function isSlow(file: string): boolean {
	return readFileSync(join(ROOT, file), "utf8").includes("ownCluster(");
}

/** A file with real nodes runs in namespaces of its own. */
function isEnclosed(file: string): boolean {
	return readFileSync(join(ROOT, file), "utf8").includes("startNode(");
}

function isFolder(path: string): boolean {
	return statSync(join(ROOT, path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

async function runFile(
	file: string,
	avaFlags: readonly string[],
	cluster: string,
	running: Set<ChildProcess>,
): Promise<FileResult> {
	const start = performance.now();
	const enclosed = isEnclosed(file);
	const command = [...(enclosed ? [ENCLOSE, process.execPath] : []), AVA, "--tap", file, ...avaFlags];
	const child = spawn(process.execPath, command, {
		cwd: ROOT,
		// An enclosure ends when nobody holds its standard input any more.
		stdio: [enclosed ? "pipe" : "ignore", "pipe", "pipe"],
		env: { ...process.env, TRADINGSAFETY_TEST_CLUSTER: cluster },
	});
	running.add(child);
	let tap = "";
	let output = "";
	child.stdout?.setEncoding("utf8").on("data", (text: string) => {
		tap += text;
	});
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		output += text;
	});
	const seconds = () => (performance.now() - start) / 1000;
	const slow = setInterval(
		() => console.log(`... ${file} is still running after ${seconds().toFixed(0)} s`),
		SLOW_MILLISECONDS,
	);
	const end = await new Promise<string | undefined>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
	});
	clearInterval(slow);
	running.delete(child);
	const report = readTap(tap);
	// A runner that failed without naming a test must not count as a success.
	const unexplained = end !== undefined && report.failures.length === 0;
	const failures = unexplained
		? [{ title: `ava ended with ${end}`, details: tap.split("\n") }]
		: report.failures;
	return { ...report, failures, file, seconds: seconds(), output };
}

function printResult(result: FileResult): void {
	const { file, passed, failures, skipped, seconds, output } = result;
	const counts = [
		`${passed} passed`,
		...(failures.length > 0 ? [`${failures.length} failed`] : []),
		...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
	];
	console.log(
		`${failures.length > 0 ? "FAILED" : "ok    "} ${file}: ${counts.join(", ")} (${seconds.toFixed(1)} s)`,
	);
	for (const { title, details } of failures) {
		console.log(`\n    ${file}\n    ${title}`);
		for (const line of details) console.log(`        ${line}`);
	}
	if (failures.length > 0 && output.trim() !== "") console.log(`\n    What ${file} wrote:\n${output}`);
}

function printSummary(results: readonly FileResult[]): { readonly good: boolean } {
	console.log("\nTime per file:");
	for (const { file, seconds } of results.toSorted((a, b) => b.seconds - a.seconds)) {
		console.log(`${seconds.toFixed(1).padStart(8)} s  ${file}`);
	}
	const sum = (count: (result: FileResult) => number) =>
		results.reduce((total, result) => total + count(result), 0);
	const passed = sum((result) => result.passed);
	const failed = sum((result) => result.failures.length);
	const skipped = sum((result) => result.skipped.length);
	for (const { file, failures } of results) {
		for (const { title } of failures) console.log(`Failed: ${file}: ${title}`);
	}
	for (const result of results) {
		for (const title of result.skipped) console.log(`Skipped: ${result.file}: ${title}`);
	}
	console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
	return { good: failed === 0 && passed > 0 };
}

async function main(): Promise<number> {
	const { files, avaFlags } = readArguments(process.argv.slice(2));
	if (files.length === 0) {
		console.log("No test files match.\n0 passed, 0 failed");
		return 1;
	}
	const interruption = new AbortController();
	const running = new Set<ChildProcess>();
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.once(signal, () => {
			interruption.abort(new ClusterError("StartFailed", `ended by ${signal}`));
			for (const child of running) {
				child.kill(signal);
				// Programs that a test started may hold the pipes for longer than the test lives.
				child.stdout?.destroy();
				child.stderr?.destroy();
			}
		});
	}
	const progress = displayProgress(process.stderr);
	const cluster = await startCluster(withTestedServers({ progress, signal: interruption.signal }));
	try {
		await installApi(cluster);
		const results: FileResult[] = [];
		const waiting = files.values();
		const worker = async () => {
			for (const file of waiting) {
				if (interruption.signal.aborted) return;
				const result = await runFile(file, avaFlags, clusterFiles(cluster.dir).description, running);
				results.push(result);
				if (!interruption.signal.aborted) printResult(result);
			}
		};
		await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker));
		interruption.signal.throwIfAborted();
		return printSummary(results).good ? 0 : 1;
	} finally {
		await cluster.stop();
	}
}

try {
	process.exitCode = await main();
} catch (error) {
	if (!(error instanceof ClusterError)) throw error;
	console.error(messageOf(error));
	process.exitCode = 1;
}

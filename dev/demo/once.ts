import { displayProgress } from "../cluster/progress.ts";
import { type Demo, type OpenDemo, openAloud } from "./demo.ts";
import { DemoError } from "./errors.ts";
import { keepLogs } from "./logs.ts";
import { Checks } from "./walk/checks.ts";
import { walk } from "./walk/walk.ts";

/**
 * `npm start -- --once`: walks the desk through all modes without a person and says whether everything was so.
 * Returns the exit code. The logs of a walk that failed are kept, and their folder is printed.
 */
export async function runOnce(
	openDemo: OpenDemo,
	signal: AbortSignal,
	interrupt: (error: Error) => void,
): Promise<0 | 1> {
	const print = (line: string) => console.log(line);
	const checks = new Checks(print);
	const demo = await open(openDemo, checks, print, signal, interrupt);
	if (demo !== undefined) {
		let good = false;
		try {
			await walkOn(demo, checks, print, signal);
			good = checks.failed === 0;
		} finally {
			if (!good && !signal.aborted) print(`The logs are kept in ${keepLogs(demo.logs)}`);
			console.error(demo.ending);
			console.error(`${await demo.stop()}.`);
		}
	}
	print(checks.summary());
	return checks.failed === 0 ? 0 : 1;
}

/** That the desk opens is the first check: undefined when it fails. */
async function open(
	openDemo: OpenDemo,
	checks: Checks,
	print: (line: string) => void,
	signal: AbortSignal,
	interrupt: (error: Error) => void,
): Promise<Demo | undefined> {
	const what = "the desk opens: it was stopped whole, is lowered to Normal, and every workload is back";
	try {
		const demo = await openAloud(openDemo, {
			progress: displayProgress(process.stderr),
			signal,
			onLost: interrupt,
			onButtonDied: (how) => print(`        the sidecar of the button ended (${how})`),
			onRecordDied: (how) => print(`        the trail ended (${how})`),
			onBotDied: (bot, how) => print(`        ${bot} ended (${how}), and is started again`),
			onReplicaDied: (replica, how) =>
				print(`        replica ${replica} of the operator ended (${how}), and is started again`),
		});
		checks.note(what, { good: true });
		return demo;
	} catch (error) {
		if (!(error instanceof DemoError) || error.code === "Interrupted") throw error;
		checks.note(what, { good: false, expected: "a desk in Normal", seen: error.message });
		return undefined;
	}
}

async function walkOn(
	demo: Demo,
	checks: Checks,
	print: (line: string) => void,
	signal: AbortSignal,
): Promise<void> {
	try {
		await walk(demo, checks, print, signal);
	} catch (error) {
		if (!(error instanceof DemoError) || error.code !== "WalkStopped") throw error;
		print(`The walk ended early, at "${error.message}"`);
	}
}

import { displayProgress } from "../cluster/progress.ts";
import { suggestions } from "./commands.ts";
import { type Demo, type OpenDemo, openAloud } from "./demo.ts";
import { DemoError } from "./errors.ts";
import { hearKeys } from "./keys.ts";
import { verifyCommand } from "./record.ts";
import { openScreen } from "./screen.ts";
import { Sight } from "./sight.ts";
import { BUTTON_KEY, type Help, renderLine, renderMarket, renderView } from "./view.ts";

const REFRESH_MILLISECONDS = 250;
/** Where nothing can be drawn over, what changes all the time is told now and then. */
const MARKET_MILLISECONDS = 5_000;

/**
 * `npm start`: the demo with a live view, until `signal` ends it. On a terminal the view is drawn in place;
 * elsewhere each change is a line. Returns the exit code.
 */
export async function runLive(
	openDemo: OpenDemo,
	signal: AbortSignal,
	interrupt: (error: Error) => void,
): Promise<0> {
	const died: string[] = [];
	const progress = displayProgress(process.stderr);
	let ended = "Nothing is left running";
	try {
		const demo = await openAloud(openDemo, {
			progress,
			signal,
			onLost: interrupt,
			onButtonDied: (how) => died.push(`the sidecar of the button ended (${how})`),
			onRecordDied: (how) => died.push(`the trail ended (${how}): nothing more reaches the store`),
			onBotDied: (bot, how) => died.push(`${bot} ended (${how}) and is started again`),
			onReplicaDied: (replica, how) => died.push(`replica ${replica} ended (${how}) and is started again`),
		});
		try {
			await show(demo, died, signal);
		} finally {
			console.error(`\n${demo.ending}`);
			ended = await demo.stop();
		}
	} catch (error) {
		// Being told to end is how this command ends.
		if (!(error instanceof DemoError) || error.code !== "Interrupted") throw error;
		console.error(`${ended} (${error.message}).`);
	}
	return 0;
}

async function show(demo: Demo, died: string[], signal: AbortSignal): Promise<void> {
	const sight = new Sight(demo);
	sight.start();
	const show = process.stdout.isTTY ? onScreen(demo, sight) : inLines(demo, sight);
	const refresh = () => {
		for (const note of died.splice(0)) sight.note(note);
		show();
	};
	const timer = setInterval(refresh, REFRESH_MILLISECONDS);
	const unhear = hearKeys(
		(key) => {
			if (key !== BUTTON_KEY || demo.button === undefined) return;
			if (demo.button.sight()?.pressed === true) demo.button.release();
			else demo.button.press();
		},
		() => process.kill(process.pid, "SIGINT"),
	);
	try {
		await new Promise<void>((_resolve, reject) => {
			const end = () => reject(signal.reason as Error);
			if (signal.aborted) end();
			else signal.addEventListener("abort", end, { once: true });
		});
	} finally {
		unhear();
		clearInterval(timer);
		await sight.stop();
	}
}

function onScreen(demo: Demo, sight: Sight): () => void {
	const screen = openScreen(process.stdout);
	return () => {
		const seen = sight.seen();
		screen.draw((room) => renderView(seen, help(demo, seen.desk), room));
	};
}

function inLines(demo: Demo, sight: Sight): () => void {
	let last: string | undefined;
	let marketAt = Number.NEGATIVE_INFINITY;
	return () => {
		const seen = sight.seen();
		if (seen.market !== undefined && performance.now() - marketAt >= MARKET_MILLISECONDS) {
			marketAt = performance.now();
			console.log(`${new Date().toISOString().slice(11, 23)} market: ${renderMarket(seen.market)}`);
		}
		const line = renderLine(seen);
		if (seen.desk === undefined && last === undefined) return;
		if (last === undefined) printHelp(help(demo, seen.desk), demo);
		if (line === last) return;
		last = line;
		console.log(`${new Date().toISOString().slice(11, 23)} ${line}`);
	};
}

function help(
	{ cast, preparation, record }: Demo,
	desk: Parameters<typeof suggestions>[0] | undefined,
): Help {
	const check =
		record === undefined
			? []
			: [
					{
						does: "verify the record as an auditor does, here in the repository",
						command: verifyCommand(record),
					},
				];
	return {
		preparation,
		suggestions: desk === undefined ? [] : [...suggestions(desk, cast.user), ...check],
	};
}

function printHelp({ preparation: lines, suggestions: all }: Help, { replicas, button }: Demo): void {
	for (const line of lines) console.log(line);
	for (const { does, command } of all) console.log(`# ${does}\n${command}`);
	if (button !== undefined) console.log(`Log of the button: ${button.log}`);
	for (const { name, log } of replicas) console.log(`Log of replica ${name}: ${log}`);
}

/** One bot as a process of its own: `node dev/bots/main.ts --help`. */
import { isPermitError } from "../../permits/error.ts";
import { untilEnd } from "../venue/lifetime.ts";
import { startBot } from "./bot.ts";
import { isBotError } from "./error.ts";
import { parseOptions, usage } from "./options.ts";

async function main(args: readonly string[]): Promise<void> {
	if (args.includes("--help")) {
		console.log(usage);
		return;
	}
	const ended = untilEnd();
	const options = parseOptions(args);
	const bot = await startBot(options);
	console.log(JSON.stringify({ kind: options.kind, account: options.account, ports: bot.ports }));
	await ended;
	await bot.stop();
	process.exit(0);
}

main(process.argv.slice(2)).catch((error) => {
	const isUsage = isBotError(error, "USAGE") || isPermitError(error, "KEY");
	console.error(isUsage ? `${error.message}\n\n${usage}` : error);
	process.exit(isUsage ? 2 : 1);
});

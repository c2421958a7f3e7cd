/** A trading venue as a process of its own: `node dev/venue/main.ts --help`. */
import { VenueError } from "./error.ts";
import { untilEnd } from "./lifetime.ts";
import { parseOptions, usage } from "./options.ts";
import { startVenue } from "./server.ts";

async function main(args: readonly string[]): Promise<void> {
	if (args.includes("--help")) {
		console.log(usage);
		return;
	}
	const ended = untilEnd();
	const venue = await startVenue(parseOptions(args));
	console.log(JSON.stringify({ port: venue.port }));
	await ended;
	await venue.close();
	process.exit(0);
}

main(process.argv.slice(2)).catch((error) => {
	const isUsage = error instanceof VenueError;
	console.error(isUsage ? `${error.message}\n\n${usage}` : error);
	process.exit(isUsage ? 2 : 1);
});

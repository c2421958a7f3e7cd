import type { ExecutionContext } from "ava";
import type { BotPorts } from "../../../dev/bots/bot.ts";
import type { Kind } from "../../../dev/bots/kinds.ts";
import { wallNow } from "../../../dev/venue/clock.ts";
import type { PositionsDocument } from "../../../permits/positions.ts";
import { until } from "../../support/until.ts";
import { startTestVenue, type TestVenue } from "../venue/client.ts";
import { startTestProgram } from "../venue/program.ts";
import { createIssuer, type Issuer } from "./issuer.ts";

/** A venue, and keys for bots that trade on it. */
export type TestDesk = { readonly venue: TestVenue; readonly issuer: Issuer };

/** A bot as a process, and somebody who sends it permits. */
export type TestBot = Awaited<ReturnType<typeof startTestBot>>;

/** Starts the venue. */
export async function startTestDesk(t: ExecutionContext): Promise<TestDesk> {
	return { venue: await startTestVenue(t), issuer: createIssuer() };
}

/** Starts a bot of the account `a`. */
export async function startTestBot(
	t: ExecutionContext,
	{ venue, issuer }: TestDesk,
	kind: Kind,
	...args: string[]
) {
	const common = ["--kind", kind, "--venue", venue.url, "--account", "a", "--orders-per-second", "40"];
	const keys = args.includes("--keys") ? [] : issuer.args;
	const all = [...common, ...keys, ...args];
	const program = await startTestProgram<{ readonly ports: BotPorts }>(t, "dev/bots/main.ts", all);
	const { ports } = program.ready;
	const get = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
	return {
		program,
		ports,
		get,
		operator: issuer.to(t, ports.permit ?? 0),
		positions: async () => JSON.parse(await get(ports.main, "/positions")) as PositionsDocument,
	};
}

/** Waits until the account has sent so many risk-taking orders since a time. */
export function untilOpened({ venue }: TestDesk, { since = 0, orders = 5 } = {}) {
	return until(`${orders} orders were accepted that take risk`, async () => {
		const judgement = await venue.judge("a", since);
		return judgement.riskTaking >= orders ? judgement : undefined;
	});
}

/** Waits until so much is held of one symbol, and returns that symbol and quantity. */
export function untilHeld({ venue }: TestDesk, quantity: number) {
	return until(`${quantity} units are held`, async () => {
		const { positions } = await venue.judge("a");
		return Object.entries(positions).find(([, held]) => Math.abs(held) >= quantity);
	});
}

/** What the venue says of a span that begins now and lasts this long, once it is over. */
export async function judgeNext({ venue }: TestDesk, milliseconds: number, since = wallNow()) {
	return until(`the venue has seen ${milliseconds} ms`, async () => {
		const judgement = await venue.judge("a", since);
		return judgement.now > since + milliseconds ? judgement : undefined;
	});
}

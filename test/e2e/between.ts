import { createServer, type IncomingHttpHeaders, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Scope } from "../support/scope.ts";

/** A message of the operator to a bot, as it went over the wire. */
export type Caught = {
	readonly bot: number;
	readonly body: string;
	readonly headers: IncomingHttpHeaders;
	/** True for one that was held back: the bot has never seen it. */
	readonly held: boolean;
};

/** What becomes of a message to a bot: `deliver` hands it on and returns the answer; undefined is never answered. */
export type Manner = (deliver: () => Promise<string>) => Promise<string | undefined>;

const frank: Manner = (deliver) => deliver();

/** Stands between the operator and bots, and keeps every message. */
export type Between = {
	readonly caught: readonly Caught[];
	/** For `openTrading`. */
	readonly places: (ports: readonly number[]) => Promise<readonly number[]>;
	/** From now on this becomes of the messages to a bot. */
	readonly become: (bot: number, manner: Manner) => void;
	/** The next message to each bot is kept and never delivered nor answered. */
	readonly holdOne: () => void;
};

/** Makes it. It ends with the test. */
export function standBetween(t: Scope): Between {
	const caught: Caught[] = [];
	const manners = new Map<number, Manner>();
	const holding = new Set<number>();
	let bots = 0;

	function serve(port: number, bot: number): Promise<number> {
		const server = createServer(async (request, response) => {
			const body = await text(request);
			const held = holding.delete(bot);
			caught.push({ bot, body, headers: request.headers, held });
			if (held) return;
			const manner = manners.get(bot) ?? frank;
			const deliver = async () => (await post(port, body, request.headers)).text;
			manner(deliver).then(
				(answer) => answer !== undefined && response.end(answer),
				() => response.destroy(),
			);
		});
		t.teardown(() => {
			server.close();
			server.closeAllConnections();
		});
		return new Promise((resolve) =>
			server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
		);
	}

	return {
		caught,
		places(ports) {
			bots = ports.length;
			return Promise.all(ports.map(serve));
		},
		become: (bot, manner) => manners.set(bot, manner),
		holdOne() {
			for (let bot = 0; bot < bots; bot += 1) holding.add(bot);
		},
	};
}

/** Sends a message to the permit port of a bot, with its headers as they are. */
export function post(
	port: number,
	body: string,
	headers: IncomingHttpHeaders | object,
): Promise<{ readonly status: number; readonly text: string }> {
	const {
		"webhook-id": id,
		"webhook-timestamp": timestamp,
		"webhook-signature": signature,
	} = {
		...(headers as IncomingHttpHeaders),
	};
	return new Promise((resolve, reject) => {
		const onward = send(
			{
				host: "127.0.0.1",
				port,
				path: "/permit",
				method: "POST",
				headers: { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature },
			},
			(answer) => {
				text(answer).then((read) => resolve({ status: answer.statusCode ?? 0, text: read }), reject);
			},
		);
		onward.on("error", reject);
		onward.end(body);
	});
}

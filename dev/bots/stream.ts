import { get } from "node:http";
import { createInterface } from "node:readline";
import { wait } from "../../kube/backoff.ts";
import type { Quote, SymbolState } from "../venue/snapshot.ts";
import type { View } from "./view.ts";

type StreamLine =
	| { readonly event: "quotes"; readonly quotes: readonly Quote[] }
	| { readonly event: "account"; readonly states: readonly SymbolState[] };

const againMilliseconds = 200;

/** Keeps a view up to date with the stream of the venue until `signal` is aborted. Comes back when it was lost. */
export async function followVenue(
	{ venue, account }: { readonly venue: string; readonly account: string },
	view: View,
	signal: AbortSignal,
): Promise<void> {
	const url = new URL(`/stream?account=${encodeURIComponent(account)}`, venue);
	while (!signal.aborted) {
		try {
			await readStream(url, view, signal);
		} catch {
			// Without news there are no decisions; the venue may come back.
		}
		await wait(againMilliseconds, signal);
	}
}

async function readStream(url: URL, view: View, signal: AbortSignal): Promise<void> {
	const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
		get(url, { signal }, resolve).on("error", reject);
	});
	view.reset();
	for await (const text of createInterface({ input: response })) {
		const line = JSON.parse(text) as StreamLine;
		switch (line.event) {
			case "quotes":
				view.takeQuotes(line.quotes);
				break;
			case "account":
				for (const state of line.states) view.takeState(state);
				break;
		}
	}
}

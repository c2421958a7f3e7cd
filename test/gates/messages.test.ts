import test from "ava";
import { targetStates } from "../../core/targets.ts";
import type { Message } from "../../gates/gate-call.ts";
import { raiseFor } from "../../gates/messages.ts";
import { decodePermit } from "../../permits/decode.ts";
import { generateKeys, readPrivateKey } from "../../permits/keys.ts";
import { deskOf, target } from "../core/desk.ts";

const signal = { http: { port: 8090 } };

test("bots are told to flatten, and a liquidator is told only what it may", (t) => {
	// Given a desk in each mode that starts its liquidator
	for (const [mode, flatten] of [
		["Emergency", { overSeconds: 0 }],
		["Reduce", { overSeconds: 30 }],
	] as const) {
		const desk = deskOf({
			mode,
			reduce: { overSeconds: 30, stopTightenPercent: 25 },
			liquidation: { maxSlippageBps: 25 },
			targets: [
				target("bots", { preset: "Bot", signal }),
				target("liquidator", { preset: "Liquidator", signal }),
			],
		});
		const signing = { keys: [readPrivateKey(generateKeys().privateKey)], sentAt: 0 };
		// When its pods are told
		const [bots, liquidator] = targetStates(desk).map((state) => {
			const message = raiseFor(desk, state, signing);
			return message && decodePermit(message.body);
		});
		// Then bots flatten, at once or slowly; the liquidator closes by its permit, within the limits
		t.deepEqual(bots?.duties.flatten, flatten);
		t.is(liquidator?.duties.flatten, undefined);
		t.is(liquidator?.permissions.reduce, "free");
		t.deepEqual(liquidator?.limits, { maxSlippageBps: 25 });
		t.is(liquidator?.duties.cancelAll, bots?.duties.cancelAll);
	}
});

test("without a key nothing is said", (t) => {
	const desk = deskOf({ mode: "Pause", targets: [target("bots", { preset: "Bot", signal })] });
	const [state] = targetStates(desk);
	const said: (Message | undefined)[] =
		state === undefined ? [] : [raiseFor(desk, state, { keys: [], sentAt: 0 })];
	t.deepEqual(said, [undefined]);
});

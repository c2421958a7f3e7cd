import { renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { columns } from "../../../crds/vocabulary.ts";
import { createAnswerReader, type HttpAnswer } from "../../../dev/bots/answers.ts";
import { bracketSteps, tightenedStop } from "../../../dev/bots/bracket.ts";
import { freshBreaker, noteOutcome } from "../../../dev/bots/breaker.ts";
import { keysOfFile } from "../../../dev/bots/keys.ts";
import { closingOrder, mayLiquidate } from "../../../dev/bots/liquidation.ts";
import { heldAtMost, steeper } from "../../../dev/bots/slope.ts";
import type { Quote, SymbolState } from "../../../dev/venue/snapshot.ts";
import { generateKeys } from "../../../permits/keys.ts";
import { permissionsOf } from "../../../permits/permissions.ts";
import { temporaryFolder } from "../../support/folder.ts";

const stateOf = (rest: Partial<SymbolState>): SymbolState => ({
	symbol: "BTC",
	version: 1,
	quantity: 0,
	entry: 100,
	realised: 0,
	unrealised: 0,
	orders: [],
	...rest,
});

const quoteOf = (rest: Partial<Quote> = {}): Quote => ({
	symbol: "BTC",
	bid: 99.9,
	ask: 100.1,
	bidQuantity: 200,
	askQuantity: 200,
	mid: 100,
	at: 1_000,
	...rest,
});

test("a slope is straight, never rises, and ends at zero", (t) => {
	const slope = { startedAt: 1_000, endsAt: 3_000, from: { BTC: 10 } };
	t.deepEqual(
		[1_000, 1_500, 2_000, 2_999, 3_000, 9_999].map((now) => heldAtMost(slope, "BTC", now)),
		[10, 8, 5, 1, 0, 0],
	);
	t.is(heldAtMost(slope, "ETH", 1_500), 0);
	t.is(heldAtMost({ ...slope, endsAt: 1_000 }, "BTC", 1_000), 0);
	// The one that ends first stands
	const late = { ...slope, endsAt: 9_000 };
	t.is(steeper(slope, late), slope);
	t.is(steeper(late, slope), slope);
	t.is(steeper(undefined, late), late);
});

test("a stop only ever comes nearer, and never to the price", (t) => {
	t.is(tightenedStop({ side: "sell", price: 90 }, 100, 50), 95);
	t.is(tightenedStop({ side: "buy", price: 110 }, 100, 20), 108);
	t.is(tightenedStop({ side: "sell", price: 101 }, 100, 50), undefined);
	t.is(tightenedStop({ side: "sell", price: 90 }, 100, 1_000), undefined);
	const price = fc.double({ min: 1, max: 1_000, noNaN: true });
	fc.assert(
		fc.property(price, price, fc.double({ min: 0.1, max: 500, noNaN: true }), (stop, market, percent) => {
			const sells = tightenedStop({ side: "sell", price: stop }, market, percent);
			const buys = tightenedStop({ side: "buy", price: stop }, market, percent);
			return (
				(sells === undefined || (sells > stop && sells < market)) &&
				(buys === undefined || (buys < stop && buys > market))
			);
		}),
	);
});

test("a position is protected as far as the permissions allow", (t) => {
	const bare = stateOf({ quantity: 5 });
	const steps = (column: Parameters<typeof permissionsOf>[0], state = bare) =>
		bracketSteps(state, permissionsOf(column)).map(({ what }) => what);
	t.deepEqual(steps("Normal"), ["stop", "target"]);
	t.deepEqual(steps("Pause"), ["stop"]);
	t.deepEqual(steps("Reduce"), ["stop", "target"]);
	t.deepEqual(steps("Emergency"), ["target"]);
	t.deepEqual(steps("Freeze"), []);
	t.deepEqual(steps("Normal", stateOf({})), []);
	// A stop that is too small grows at its price
	const stop = {
		clientOrderId: "s",
		side: "sell",
		type: "stop",
		quantity: 3,
		price: 97,
		reduceOnly: true,
	} as const;
	t.like(bracketSteps(stateOf({ quantity: 5, orders: [stop] }), permissionsOf("Normal"))[0], {
		what: "stop",
		old: "s",
		quantity: 5,
		price: 97,
	});
});

test("a liquidation stays within its limits", (t) => {
	t.deepEqual(
		columns.filter((column) => mayLiquidate(permissionsOf(column))),
		["Reduce", "Emergency"],
	);
	t.is(closingOrder(0, quoteOf(), {}, 1_000), undefined);
	t.deepEqual(closingOrder(-7, quoteOf(), {}, 1_000), { side: "buy", quantity: 7 });
	const limits = { maxSlippageBps: 50, maxParticipation: 0.01, quoteMaxAgeSeconds: 2 };
	t.deepEqual(closingOrder(7, quoteOf(), limits, 3_000), { side: "sell", quantity: 2, price: 99.5 });
	t.deepEqual(closingOrder(-1, quoteOf(), limits, 3_000), { side: "buy", quantity: 1, price: 100.5 });
	t.is(closingOrder(7, quoteOf(), limits, 3_001), undefined);
	t.is(closingOrder(7, quoteOf({ bidQuantity: 0 }), {}, 1_000), undefined);
});

test("the breaker trips after some failures in a row, and a good order begins anew", (t) => {
	let breaker = freshBreaker;
	for (let count = 0; count < 7; count += 1) breaker = noteOutcome(breaker, false, 0);
	breaker = noteOutcome(breaker, true, 0);
	for (let count = 0; count < 7; count += 1) breaker = noteOutcome(breaker, false, 0);
	t.is(breaker.trips, 0);
	t.like(noteOutcome(breaker, false, 5), { trips: 1, failures: 0, openUntil: 1_005 });
});

test("answers are read however they are cut", (t) => {
	const wire = Buffer.from(
		["{}", '{"a":"ä"}', ""]
			.map((body) => `HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
			.join(""),
	);
	fc.assert(
		fc.property(fc.array(fc.integer({ min: 0, max: wire.length }), { maxLength: 8 }), (cuts) => {
			const answers: HttpAnswer[] = [];
			const read = createAnswerReader((answer) => answers.push(answer));
			const places = [0, ...cuts.toSorted((a, b) => a - b), wire.length];
			for (const [index, from] of places.entries()) read(wire.subarray(from, places[index + 1] ?? from));
			return answers.map(({ body }) => body).join("|") === '{}|{"a":"ä"}|';
		}),
	);
	t.throws(() => createAnswerReader(() => undefined)(Buffer.from("SSH-2.0\r\n\r\n")));
});

test("keys are read again when their file changes, and half a file changes nothing", (t) => {
	// Given a file of keys
	const file = join(temporaryFolder(t, "keys"), "keys.json");
	const key = () => generateKeys().publicKey;
	writeFileSync(file, JSON.stringify({ permit: [key()], raise: [key()] }));
	const keys = keysOfFile(file);
	t.is(keys().permit.length, 1);
	// When it is broken for a moment
	writeFileSync(file, '{"permit":[');
	t.is(keys().permit.length, 1);
	// When a second key is added, then both are known
	writeFileSync(`${file}.new`, JSON.stringify({ permit: [key(), key()], raise: [key()] }));
	utimesSync(`${file}.new`, 1, 1);
	renameSync(`${file}.new`, file);
	t.is(keys().permit.length, 2);
	t.throws(() => keysOfFile(`${file}.none`), { code: "USAGE" });
});

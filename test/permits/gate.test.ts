import test from "ava";
import { isPermitError } from "../../permits/error.ts";
import { Gate } from "../../permits/gate.ts";
import { generateKeys, type KeyTexts, readPrivateKey, readPublicKey } from "../../permits/keys.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import { encodePermit, type Permit } from "../../permits/permit.ts";
import { signBody } from "../../permits/signature.ts";
import { permitOf, strangerKey, TestGate } from "./desk.ts";

test("a gate is paused until a permit answers its challenge, and when that has run out", (t) => {
	// Given a new gate
	const bot = new TestGate();
	t.false(bot.gate.mayOpen());
	t.deepEqual(bot.gate.permissions(), permissionsOf("Pause"));
	// When a permit comes that answers nothing, then it gives nothing and gets a challenge
	const first = bot.receive(bot.message(permitOf()));
	t.like(first, {
		applied: "Tightened",
		permissions: permissionsOf("Pause"),
		epoch: { uid: "", generation: 0 },
	});
	t.false(bot.gate.mayOpen());
	// When one answers it 2 s later, then it opens
	bot.pass(2_000);
	const second = bot.receive(bot.message(permitOf({ challenge: first.challenge })));
	t.like(second, { applied: "Granted", permissions: permissionsOf("Normal"), instance: first.instance });
	t.deepEqual(second.epoch, { uid: "desk-uid", generation: 1 });
	t.true(bot.gate.mayOpen());
	// Then its time counts from the challenge, and it pauses at its end
	bot.pass(2_999);
	t.true(bot.gate.mayOpen());
	bot.pass(1);
	t.false(bot.gate.mayOpen());
	t.deepEqual(bot.gate.permissions(), permissionsOf("Pause"));
	// When it is renewed, then it opens again
	bot.grant(permitOf());
	t.true(bot.gate.mayOpen());
});

test("no challenge is good twice, for another gate, or after a minute", (t) => {
	// Given a gate that has answered
	const bot = new TestGate();
	const { challenge } = bot.receive(bot.message(permitOf()));
	const message = bot.message(permitOf({ challenge }));
	t.is(bot.receive(message).applied, "Granted");
	// When the same comes again as long as its permit lives, then it adds no time
	bot.pass(4_000);
	t.is(bot.receive(message).applied, "Tightened");
	bot.pass(1_000);
	t.false(bot.gate.mayOpen());
	// When a challenge is answered after a minute, or was never made here, then it gives nothing
	const other = new TestGate();
	const foreign = other.receive(other.message(permitOf())).challenge;
	const late = bot.receive(bot.message(permitOf())).challenge;
	bot.pass(60_000);
	for (const bad of [late, foreign]) {
		t.is(bot.receive(bot.message(permitOf({ challenge: bad }))).applied, "Tightened");
	}
	t.is(bot.receive(bot.message(permitOf({ challenge: "guess" }))).applied, "Tightened");
	t.false(bot.gate.mayOpen());
});

test("a permit of a later epoch takes away at once, without a challenge", (t) => {
	// Given an open gate
	const bot = new TestGate();
	bot.grant(permitOf());
	// When Emergency is pushed
	const { applied, epoch, permissions } = bot.receive(
		bot.message(permitOf({ mode: "Emergency", generation: 2 })),
	);
	// Then it closes, does what it is told once, and says so
	t.is(applied, "Tightened");
	t.deepEqual(epoch, { uid: "desk-uid", generation: 2 });
	t.deepEqual(permissions, permissionsOf("Emergency"));
	t.deepEqual(bot.done, [{ cancelAll: true, flatten: { overSeconds: 0 } }]);
	bot.grant(permitOf({ mode: "Emergency", generation: 2 }));
	t.is(bot.done.length, 1);
	t.false(bot.gate.mayOpen());
});

test("a later epoch that asks for nothing is told, and nothing else that asks for nothing", (t) => {
	// Given a gate that was told to flatten
	const told: (readonly [duties: object, generation: number])[] = [];
	const { publicKey, privateKey } = generateKeys();
	const [operator, raiser] = [generateKeys(), readPrivateKey(privateKey)];
	const keys = { permit: [readPublicKey(operator.publicKey)], raise: [readPublicKey(publicKey)] };
	const gate = new Gate({
		keys: () => keys,
		onDuties: (duties, { desk }) => told.push([duties, desk.generation]),
	});
	const receive = (permit: Permit, key = readPrivateKey(operator.privateKey)) => {
		const body = encodePermit(permit);
		const head = { id: `msg_${Math.random()}`, sentAt: Date.now() };
		return gate.receive(body, signBody(body, head, [key]));
	};
	const grant = (permit: Permit) => receive({ ...permit, challenge: receive(permit).challenge });
	grant(permitOf({ mode: "Emergency" }));
	const flatten = { cancelAll: true, flatten: { overSeconds: 0 } };
	t.deepEqual(told, [[flatten, 1]]);
	// When renewals, a raise, an old permit and one of another desk ask for nothing, then nobody is told
	grant(permitOf({ mode: "Emergency" }));
	receive(permitOf({ kind: "Raise", mode: "Pause" }), raiser);
	receive(permitOf({ mode: "Pause", generation: 0 }));
	receive(permitOf({ mode: "Pause", generation: 9, uid: "another" }));
	t.is(told.length, 1);
	// When the desk has moved, then it is told once
	grant(permitOf({ mode: "Pause", generation: 2 }));
	t.deepEqual(told, [
		[flatten, 1],
		[{}, 2],
	]);
});

test("what is old, replayed or of another desk only takes away, and tells nobody to do anything", (t) => {
	for (const permit of [
		permitOf({ mode: "Emergency", generation: 1 }),
		permitOf({ mode: "Emergency", generation: 2 }),
		permitOf({ mode: "Emergency", generation: 9, uid: "another" }),
	]) {
		// Given a gate that is open at generation 2
		const bot = new TestGate();
		bot.grant(permitOf({ generation: 2 }));
		const { challenge } = bot.receive(bot.message(permitOf({ generation: 2 })));
		// When it comes, though it knows a challenge where it is not of this epoch
		const known = permit.desk.generation === 2 ? {} : { challenge };
		const { applied, epoch } = bot.receive(bot.message({ ...permit, ...known }));
		// Then nothing may be opened, nothing is done, and the epoch stands
		t.is(applied, "Tightened");
		t.deepEqual(epoch, { uid: "desk-uid", generation: 2 });
		t.false(bot.gate.mayOpen());
		t.deepEqual(bot.done, []);
		// When the next permit of the desk comes, then that counts again
		bot.grant(permitOf({ generation: 2 }));
		t.true(bot.gate.mayOpen());
	}
});

test("permissions are joined one by one: from Pause to Reduce a late Pause leaves only what both allow", (t) => {
	// Given a gate in Reduce
	const bot = new TestGate();
	bot.grant(permitOf({ mode: "Reduce", generation: 3 }));
	t.deepEqual(bot.gate.permissions(), permissionsOf("Reduce"));
	// When the Pause before it arrives late
	bot.receive(bot.message(permitOf({ mode: "Pause", generation: 2 })));
	// Then it may do neither what Pause denies nor what Reduce denies
	t.deepEqual(bot.gate.permissions(), { open: false, reduce: "stops-placed", amendStops: "tighten" });
});

test("a raise by the raise key stands against renewals until a permit of a later epoch", (t) => {
	// Given an open gate at generation 7, and somebody with the raise key who knows generation 5
	const bot = new TestGate();
	bot.grant(permitOf({ generation: 7 }));
	const raise = permitOf({ kind: "Raise", mode: "Emergency", generation: 5 });
	// When they raise, then it closes, and cancels and flattens
	t.is(bot.receive(bot.message(raise, "raise")).applied, "Tightened");
	t.false(bot.gate.mayOpen());
	t.is(bot.done.length, 1);
	// When the operator renews what it knows, then it stays closed
	t.is(bot.grant(permitOf({ generation: 7 })).permissions.open, false);
	t.false(bot.gate.mayOpen());
	// When the desk has moved, then that counts
	bot.grant(permitOf({ generation: 8 }));
	t.true(bot.gate.mayOpen());
});

test("the raise key gives nothing, whatever it signs", (t) => {
	// Given a gate that waits
	const bot = new TestGate();
	const { challenge } = bot.receive(bot.message(permitOf()));
	// When the raise key signs a permit for Normal that answers the challenge
	const { applied } = bot.receive(bot.message(permitOf({ challenge }), "raise"));
	// Then nothing is given
	t.is(applied, "Tightened");
	t.false(bot.gate.mayOpen());
});

test("a raise tells what to do once, and only while it is fresh by its own clock", (t) => {
	const raise = permitOf({ kind: "Raise", mode: "Emergency" });
	for (const [offMilliseconds, expected] of [
		[0, 1],
		[-30_000, 1],
		[30_000, 1],
		[-30_001 - 999, 0],
		[600_000, 0],
	] as const) {
		// Given a raise whose sender's clock is off by so much
		const bot = new TestGate();
		const message = bot.message(raise, "raise", bot.wall + offMilliseconds);
		// When it comes twice
		bot.receive(message);
		bot.receive(message);
		// Then the gate is closed, and what is to be done is done once or not at all
		t.is(bot.done.length, expected, `${offMilliseconds} ms`);
		t.deepEqual(bot.gate.permissions().open, false);
	}
});

test("a raise that was sent on from another desk closes and is not carried out", (t) => {
	// Given a gate of one desk, open, and one that knows none yet
	const [bot, young] = [new TestGate(), new TestGate()];
	bot.grant(permitOf());
	for (const [gate, namespace, expected] of [
		[bot, "another", 0],
		[bot, "desk", 1],
		[young, "another", 1],
	] as const) {
		// When a fresh raise of some desk, whatever its uid, comes to it
		const raise = permitOf({ kind: "Raise", mode: "Emergency", uid: "any" });
		gate.receive(gate.message({ ...raise, desk: { ...raise.desk, namespace } }, "raise"));
		// Then it is closed, and told what to do only by its own, or where it knows none
		t.false(gate.gate.mayOpen());
		t.is(gate.done.length, expected, namespace);
	}
});

test("what nobody known has signed, or is no permit, is refused and changes nothing", (t) => {
	// Given an open gate
	const bot = new TestGate();
	bot.grant(permitOf());
	const { body, headers } = bot.message(permitOf({ mode: "Emergency", generation: 2 }));
	const signed = (text: string) => ({
		body: text,
		headers: signBody(text, { id: "x", sentAt: bot.wall }, [bot.permitKey]),
	});
	const cases = [
		{ body: body.replace("Emergency", "Normal"), headers, code: "SIGNATURE" },
		{ body: body.slice(0, -1), headers, code: "SIGNATURE" },
		{ body, headers: { ...headers, "webhook-id": "other" }, code: "SIGNATURE" },
		{ body, headers: { ...headers, "webhook-timestamp": "1" }, code: "SIGNATURE" },
		{ body, headers: { ...headers, "webhook-timestamp": "soon" }, code: "SIGNATURE" },
		{ body, headers: { ...headers, "webhook-signature": "v1a,AAAA" }, code: "SIGNATURE" },
		{
			body,
			headers: { ...headers, "webhook-signature": headers["webhook-signature"].replace("v1a", "v1") },
			code: "SIGNATURE",
		},
		{ body, headers: {}, code: "SIGNATURE" },
		{ body, headers: signBody(body, { id: "x", sentAt: bot.wall }, [strangerKey()]), code: "SIGNATURE" },
		{ ...signed("{"), code: "MALFORMED" },
		{ ...signed("null"), code: "MALFORMED" },
		{ ...signed(JSON.stringify({ ...permitOf(), ttlMilliseconds: 60_001 })), code: "MALFORMED" },
		{ ...signed(JSON.stringify({ ...permitOf(), version: 2 })), code: "MALFORMED" },
		{ ...signed(JSON.stringify({ ...permitOf(), permissions: { open: true } })), code: "MALFORMED" },
	] as const;
	for (const [index, { body: text, headers: those, code }] of cases.entries()) {
		// When it comes, then it is refused
		const error = t.throws(() => bot.gate.receive(text, those), undefined, `case ${index}`);
		t.true(isPermitError(error, code), `case ${index}: ${error}`);
	}
	// Then the gate is as it was
	t.true(bot.gate.mayOpen());
	t.deepEqual(bot.done, []);
});

test("while keys are exchanged either is good, and afterwards only the new one", (t) => {
	// Given a gate whose keys are read with each message, the old one and the one that follows
	const [old, next] = [generateKeys(), generateKeys()];
	let known = [old, next];
	const gate = new Gate({
		keys: () => ({ permit: known.map(({ publicKey }) => readPublicKey(publicKey)), raise: [] }),
		onDuties: () => {},
	});
	const receive = (signers: readonly KeyTexts[], rest: object = {}) => {
		const body = JSON.stringify({ ...permitOf(), ...rest });
		const keys = signers.map(({ privateKey }) => readPrivateKey(privateKey));
		return gate.receive(body, signBody(body, { id: "1", sentAt: 0 }, keys));
	};
	// When messages are signed by one of them, or by both, then all of them are taken, and grant
	let { challenge } = receive([old]);
	for (const signers of [[old], [next], [old, next], [next, old]]) {
		const answer = receive(signers, { challenge });
		t.is(answer.applied, "Granted");
		challenge = answer.challenge;
	}
	// When the old one is not known any more, then what it alone signs is refused, and what both sign is taken
	known = [next];
	const refused = t.throws(() => receive([old], { challenge }));
	t.true(isPermitError(refused, "SIGNATURE"));
	t.is(receive([old, next], { challenge }).applied, "Granted");
	// When a header has more signatures than anybody sends, then those beyond the eighth are not looked at
	const many = t.throws(() => receive([...Array<KeyTexts>(8).fill(old), next]));
	t.true(isPermitError(many, "SIGNATURE"));
	t.is(receive([...Array<KeyTexts>(7).fill(old), next]).applied, "Tightened");
});

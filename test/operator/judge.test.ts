import test from "ava";
import type { TargetStatus } from "../../crds/status.ts";
import type { DeskState } from "../../operator/desk-state.ts";
import { judgeAnswers } from "../../operator/signals/judge.ts";
import { keysFrom } from "../../operator/signals/permit-keys.ts";
import type { Recipient } from "../../operator/signals/recipients.ts";
import { type Acknowledgement, acknowledges, decodeAcknowledgement } from "../../permits/acknowledgement.ts";
import { generateKeys } from "../../permits/keys.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import { deskOf, podOf, target } from "../core/desk.ts";

const signal = { http: { port: 8090 }, ttlSeconds: 5, ackMilliseconds: 100 };

const answerOf = (rest: Partial<Acknowledgement> = {}): Acknowledgement => ({
	applied: "Granted",
	epoch: { uid: "desk-uid", generation: 7 },
	permissions: permissionsOf("Pause"),
	challenge: "c",
	instance: "i",
	...rest,
});

/** One bot on a desk of generation 7, and what is known of it: `ago` in milliseconds. */
function judged(
	mode: "Normal" | "Pause" | "Emergency",
	recipient: Partial<Recipient> | undefined,
	row: Partial<TargetStatus> = {},
	hadSilent = new Set<string>(),
) {
	const object = deskOf(
		{ mode, targets: [target("bot", { preset: "Bot", signal })] },
		{ targets: [{ name: "bot", signalled: "Admit", ...row }] },
	);
	const pod = podOf("bot", { node: "n" });
	const at = performance.now();
	const one = {
		pod,
		target: { spec: { name: "bot" } },
		readyAt: at - 60_000,
		seenAt: at - 60_000,
		...recipient,
	};
	return judgeAnswers(
		{ object } as unknown as DeskState,
		{ recipients: new Map(recipient && [[pod.uid, one as unknown as Recipient]]), hadSilent, keys: {} },
		true,
		"2026-01-01T00:01:10.000Z",
	);
}
const ago = (milliseconds: number) => performance.now() - milliseconds;

test("a pod obeys when its last answer is of this generation, fresh, and within what holds", (t) => {
	// Given answers of one pod in Pause
	const obeys = (of: Acknowledgement, at = ago(10)) =>
		judged("Pause", { answer: { of, at } }).obeying.size === 1;
	// When they are judged, then one that is late, of another epoch, or allows more does not count
	t.true(obeys(answerOf()));
	t.true(obeys(answerOf({ permissions: permissionsOf("Freeze") })));
	t.true(obeys(answerOf({ epoch: { uid: "desk-uid", generation: 8 } })));
	t.false(obeys(answerOf({ epoch: { uid: "desk-uid", generation: 6 } })));
	t.false(obeys(answerOf({ epoch: { uid: "other", generation: 7 } })));
	t.false(obeys(answerOf({ permissions: permissionsOf("Normal") })));
	t.false(obeys(answerOf({ permissions: permissionsOf("Reduce") })));
	t.false(obeys(answerOf(), ago(10_001)));
});

test("what came instead of a good answer is known of each pod that does not obey", (t) => {
	// Given a pod of which the last message came to this, after such an answer
	const problem = (recipient: Partial<Recipient>) =>
		[...(judged("Pause", recipient).problems?.values() ?? [])][0];
	const late = { of: answerOf(), at: ago(10_001) };
	// When it is judged, then what came last counts, and an answer that is none of this names itself
	t.is(problem({ problem: "NobodyListens" }), "NobodyListens");
	t.is(problem({ problem: "NoAnswer", answer: late }), "NoAnswer");
	t.is(
		problem({ answer: { of: answerOf({ permissions: permissionsOf("Normal") }), at: ago(10) } }),
		"Disagrees",
	);
	// And one that obeys, was not asked, or answered well before has none
	t.is(problem({ problem: "NoAnswer", answer: { of: answerOf(), at: ago(10) } }), undefined);
	t.is(problem({}), undefined);
	t.is(problem({ answer: late }), undefined);
});

test("silent is who was asked three times for this generation and did not answer", (t) => {
	// Given a pod that answers nothing
	const silent = (recipient: Partial<Recipient>, mode: "Normal" | "Pause" = "Pause") =>
		judged(mode, recipient).silent.size === 1;
	const asked = (milliseconds: number, generation = 7) => ({ asked: { generation, at: ago(milliseconds) } });
	// When it was asked for long enough, then it is; when not, not yet, not at all, or in Normal, it is not
	t.true(silent(asked(301)));
	t.false(silent(asked(250)));
	t.false(silent({}));
	t.false(silent(asked(60_000, 6)));
	t.false(silent(asked(60_000), "Normal"));
	// And one that was never Ready has a minute to start
	t.false(silent({ ...asked(59_000), readyAt: undefined, seenAt: ago(59_000) }));
	t.true(silent({ ...asked(61_000), readyAt: undefined, seenAt: ago(61_000) }));
	// And it is overdue when nobody closed its target in time
	const overdue = (milliseconds: number) => judged("Pause", asked(milliseconds)).overdue?.size === 1;
	t.false(overdue(500));
	t.true(overdue(551));
});

test("a target keeps to those it has once a pod of it was silent, also when that pod is gone", (t) => {
	// Given a pod that was silent in a halt
	const hadSilent = new Set<string>();
	const asked = { asked: { generation: 7, at: ago(10_000) } };
	const had = (mode: "Normal" | "Pause", recipient: Partial<Recipient> | undefined) =>
		judged(mode, recipient, {}, hadSilent).hadSilent?.has("bot");
	t.true(had("Pause", asked));
	// When it is gone, then that is still known; in Normal it is forgotten
	t.true(had("Pause", undefined));
	t.false(had("Normal", undefined));
	t.false(had("Pause", undefined));
});

test("who answered well is not silent for an answer that grew old, until it was asked for again", (t) => {
	// Given a pod whose good answer is too old to count, since nobody asked again
	const silent = (asked: number, of = answerOf()) =>
		judged("Pause", {
			answer: { of, at: ago(30_000) },
			asked: { generation: 7, at: ago(asked) },
		}).silent.size === 1;
	// When it was asked before that answer, or just now, then it is not silent; when after it and long enough ago, it is
	t.false(silent(30_100));
	t.false(silent(250));
	t.true(silent(301));
	// And whose last answer was no good one is
	t.true(silent(30_100, answerOf({ permissions: permissionsOf("Normal") })));
});

test("a process that was started again has its time to answer, as long as the good answer of the one before still counts", (t) => {
	// Given a pod that was asked long ago, and of which another process has just been heard, which has no permit yet
	const of = answerOf({ applied: "Tightened", epoch: { uid: "", generation: 0 }, instance: "other" });
	const silent = (bornAt: number, goodAt: number) =>
		judged("Pause", {
			...{ answer: { of, at: ago(5) }, asked: { generation: 7, at: ago(60_000) } },
			...{ bornAt: ago(bornAt), goodAt: ago(goodAt) },
		}).silent.size === 1;
	// When it is judged, then it is silent after three tries of its own, or when nothing good came for two lives of a permit
	t.false(silent(250, 2_000));
	t.true(silent(301, 2_000));
	t.true(silent(250, 10_001));
});

test("an answer that is none is refused with what is wrong", (t) => {
	// Given texts that are no answers
	const message = (text: string) =>
		t.throws(() => decodeAcknowledgement(text), { code: "MALFORMED" }).message;
	// When they are read, then each says why
	t.is(message("ok"), "the answer is not JSON");
	t.regex(message("{}"), /^not an answer: /);
	t.regex(message(JSON.stringify({ ...answerOf(), applied: "Ignored" })), /applied/);
	t.deepEqual(decodeAcknowledgement(JSON.stringify(answerOf())), answerOf());
	t.true(acknowledges(answerOf(), { uid: "desk-uid", generation: 7 }, permissionsOf("Normal")));
});

test("keys come from Secrets, all of one or none, and what is wrong is named without the key", (t) => {
	// Given Secrets
	const [first, second, raise] = [generateKeys(), generateKeys(), generateKeys()];
	const secret = (...texts: string[]) => ({
		data: Object.fromEntries(texts.map((text, index) => [`k${index}`, Buffer.from(text).toString("base64")])),
	});
	// When they are read, then with each key is signed, and each is known
	const keys = keysFrom(secret(first.privateKey, second.privateKey), secret(raise.privateKey), "sys");
	t.is(keys.signing.length, 2);
	t.deepEqual(keys.known, { permit: [first.publicKey, second.publicKey], raise: [raise.publicKey] });
	t.is(keys.problem, undefined);
	// When one is missing, empty or malformed, then there is a problem with its remedy; the raise key is not needed to sign
	const problem = (permit: Parameters<typeof keysFrom>[0]) =>
		keysFrom(permit, undefined, "sys").problem ?? "";
	t.regex(problem(undefined), /^Secret sys\/tradingsafety-permit-key is not there: make one with/);
	t.regex(problem({}), /holds no key/);
	const broken = problem(secret(first.privateKey, "whsk_c2VjcmV0"));
	t.regex(broken, /entry k1: /);
	t.false(broken.includes("c2VjcmV0"));
	t.is(keysFrom(secret(first.privateKey), undefined, "sys").problem, undefined);
	// And what is wrong with the raise key is named as well
	const raiseProblem = (of: Parameters<typeof keysFrom>[1]) =>
		keysFrom(secret(first.privateKey), of, "sys").raiseProblem ?? "";
	t.regex(raiseProblem(undefined), /^Secret sys\/tradingsafety-raise-key is not there: make one with/);
	t.regex(raiseProblem(secret("whsk_nonsense")), /tradingsafety-raise-key, entry k0: .*make one with/);
	t.is(keys.raiseProblem, undefined);
});

import test from "ava";
import type { Entry } from "../../../audit/entry.ts";
import { keyHint, spkiOf } from "../../../audit/format/keys.ts";
import type { Signed } from "../../../audit/format/leaf.ts";
import { keyAdded, offerKey } from "../../../audit/key-entries.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import type { FindingCode } from "../../../audit/verify/finding.ts";
import type { VerifyOptions } from "../../../audit/verify/report.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

// What somebody does who has a key: the hashes are right, the story is not.

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

const one = (counter: number, rest: Partial<Entry> = {}) => signed(entries, entryOf(counter, rest));
const by = (writer: string, counter: number, rest: Partial<Entry> = {}) =>
	one(counter, { writer: { id: writer, epoch: "1", counter }, ...rest });
const at = (seconds: number, timer = seconds): Entry["time"] => ({
	...entryOf(0).time,
	wall: new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString().replace("Z", "000Z"),
	monotonic: String(timer * 1_000_000_000),
});
const heartbeat = { kind: "Heartbeat", metadata: { nextWithinSeconds: "300" } } as const;

/** What somebody does who has the key of the log, or of entries. */
const insiders: Readonly<
	Record<string, readonly [FindingCode, number, () => Promise<readonly Signed[]>, VerifyOptions?]>
> = {
	"a writer's counter has a gap": [
		"CounterGap",
		2,
		async () => [await by("a", 0), await by("b", 0), await by("a", 2)],
	],
	"a writer's first entries are missing": ["CounterGap", 0, async () => [await by("a", 3)]],
	"a counter is used twice": [
		"CounterRepeated",
		2,
		async () => [await by("a", 0), await by("a", 1), await by("a", 1)],
	],
	"an entry is back-dated": [
		"EntryBackdated",
		1,
		async () => [await by("a", 0, { time: at(100) }), await by("a", 1, { time: at(50, 101) })],
	],
	"the clock went back an hour and nobody says so": [
		"EntryBackdated",
		1,
		async () => [await by("a", 0, { time: at(7_200) }), await by("a", 1, { time: at(3_601, 7_201) })],
	],
	"the clock went ahead an hour and nobody says so": [
		"EntryBackdated",
		1,
		async () => [await by("a", 0, { time: at(0) }), await by("a", 1, { time: at(3_600, 1) })],
	],
	"a sign of life is missing between": [
		"HeartbeatMissing",
		1,
		async () => [await by("a", 0, { ...heartbeat, time: at(0) }), await by("a", 1, { time: at(1_000) })],
	],
	"a sign of life is missing at the end": [
		"HeartbeatMissing",
		-1,
		async () => [await by("a", 0, { ...heartbeat, time: at(0) })],
		{ at: Date.UTC(2026, 0, 1) + 1_000_000 },
	],
	"a key that is none of the log's": [
		"KeyUnknown",
		1,
		async () => [await by("a", 0), await signed(signerFor("Entries"), entryOf(0))],
	],
	"a signature over other bytes": [
		"SignatureWrong",
		1,
		async () => {
			const [a, b] = [await by("a", 0), await by("a", 1)];
			return [a, { ...b, signature: a.signature }];
		},
	],
	"bytes that are not canonical": [
		"EntryNotCanonical",
		0,
		async () => {
			const entry = Buffer.from(` ${(await by("a", 0)).entry.toString()}`);
			return [{ entry, signature: await entries.sign(entry), key: spkiOf(entries.publicKey) }];
		},
	],
	"a field that nobody knows": [
		"EntryMalformed",
		0,
		async () => {
			const entry = Buffer.from((await by("a", 0)).entry.toString().replace('"version":1', '"version":2'));
			return [{ entry, signature: await entries.sign(entry), key: spkiOf(entries.publicKey) }];
		},
	],
	"an entry for another log": [
		"EntryOfAnotherLog",
		0,
		async () => [await by("a", 0, { log: "other.example" })],
	],
};

for (const [what, [code, index, make, options]] of Object.entries(insiders)) {
	test(`with the key of the log: ${what}`, async (t) => {
		const all = await make();
		const store = await forge(
			[all.slice(0, 1), all.slice(1)].filter(({ length }) => length > 0),
			signer,
			keys,
		);
		const { findings } = await verify(store, trust, options);
		t.is(findings[0]?.code, code, JSON.stringify(findings));
		t.is(findings[0]?.index ?? -1, index);
	});
}

test("a key that was revoked, or is not valid yet, has not signed", async (t) => {
	const next = signerFor("Entries");
	const key = { entity: { type: "Key", id: keyHint(next.publicKey) } };
	const added = keyAdded(await offerKey(next, origin), { actor: { name: "ann" }, justification: "rotation" });
	const revoked = { kind: "KeyRevoked", ...key, metadata: { fromIndex: "3" } } as const;
	const theirs = (counter: number) =>
		signed(next, entryOf(counter, { writer: { id: "n", epoch: "1", counter } }));
	const codes = async (all: readonly Promise<Signed>[]) =>
		(await verify(await forge([await Promise.all(all)], signer, keys), trust)).findings.map(
			({ code, index }) => `${code} ${index}`,
		);
	t.deepEqual(await codes([by("a", 0, added), theirs(0), theirs(1), by("a", 1, revoked)]), []);
	t.deepEqual(await codes([by("a", 0, added), theirs(0), theirs(1), by("a", 1, revoked), theirs(2)]), [
		"KeyRevoked 4",
	]);
	t.deepEqual(await codes([theirs(0), by("a", 0, added)]), ["KeyUnknown 0"]);
	// And a key that the ring says is good only later
	const later = {
		...keys,
		[keyHint(next.publicKey)]: { key: spkiOf(next.publicKey).toString("base64"), from: 5 },
	};
	const early = await forge([[await theirs(0)]], signer, later);
	const { findings } = await verify(early, { ...trust, keys: later });
	t.deepEqual(
		findings.map(({ code, index }) => `${code} ${index}`),
		["KeyNotYetValid 0"],
	);
});

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import test from "ava";
import type { Entry } from "../../audit/entry.ts";
import { isAuditError } from "../../audit/error.ts";
import { keyHint } from "../../audit/format/keys.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";
import { parseNote } from "../../audit/format/note.ts";
import { trustedRoot } from "../../audit/format/trusted-root.ts";
import { keyAdded, keyRevoked, offerKey } from "../../audit/key-entries.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import type { Signer } from "../../audit/signer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { findingCodes } from "../../audit/verify/finding.ts";
import { verify } from "../../audit/verify/verify.ts";
import { ensureJudges } from "../../dev/judges/judges.ts";
import { temporaryFolder } from "../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "./entries.ts";
import { forge } from "./verify/forge.ts";

const script = fileURLToPath(new URL("../../audit/auditor/check.sh", import.meta.url));
const asking = { actor: { name: "ann" }, justification: "yearly rotation" };
const end = "2026-01-01T00:01:40.000Z";

/** Entry of a writer with a clock that says so many seconds after the beginning of the year. */
function at(signer: Signer, writer: string, counter: number, seconds: number, rest: Partial<Entry> = {}) {
	const wall = new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString().replace("Z", "000Z");
	const time = { ...entryOf(counter).time, wall, monotonic: String(seconds * 1_000_000_000) };
	return signed(signer, entryOf(counter, { writer: { id: writer, epoch: "1", counter }, time, ...rest }));
}

test("a stolen key that was over or revoked signs nothing more, whatever time it says: not in the log, not for a verifier", async (t) => {
	const [old, next] = [signerFor("Entries"), signerFor("Entries")];
	const signer = signerFor("Checkpoints");
	// Given a root key that is kept elsewhere, which added one that ends, and the one after that
	const root = signerFor("Entries");
	const keys = initialKeys([root.publicKey]);
	const week = 7 * 86_400;
	const legal = [
		await at(root, "root", 0, 0, keyAdded(await offerKey(old, origin, end), asking)),
		await at(old, "op", 0, 50),
		await at(root, "root", 1, 60, keyAdded(await offerKey(next, origin), asking)),
		await at(next, "new", 0, 100),
		// It comes late, out of a spool that was cut off
		await at(old, "late", 0, 99),
		await at(next, "new", 1, week + 200),
	];
	const stolen = {
		"after its end": await at(old, "thief", 0, 101),
		"dated back": await at(old, "thief", 0, 10),
		"dated back, as an earlier writer": await at(old, "op", 1, 60),
	};
	const trust = { origin, logKeys: [signer.publicKey], keys };
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	const outcomes = [...(await sequencer.append(legal.slice(0, 5)))];
	const early = await sequencer.append([stolen["after its end"]]);
	t.regex(early[0]?.kind === "Refused" ? early[0].why : "", /was over at 2026-01-01T00:01:41/);
	outcomes.push(...(await sequencer.append(legal.slice(5))));
	t.true(
		outcomes.every(({ kind }) => kind === "Appended"),
		JSON.stringify(outcomes),
	);
	t.deepEqual((await verify(store, trust)).findings, []);
	for (const [what, entry] of Object.entries(stolen)) {
		// When whoever found it signs, then the log refuses, also the sequencer that comes after
		for (const one of [sequencer, await Sequencer.open({ store, origin, signer, keys })]) {
			const [outcome] = await one.append([entry]);
			t.is(outcome?.kind, "Refused", what);
			t.regex(outcome?.kind === "Refused" ? outcome.why : "", /was over at|over for long/, what);
		}
		// And where somebody with the key of the log takes it all the same, a verifier names it
		const { findings } = await verify(await forge([legal, [entry]], signer, keys), trust);
		t.deepEqual(
			findings.map(({ code, index }) => [code, index]),
			[["KeyExpired", 6]],
			what,
		);
	}
	t.is(findingCodes.KeyExpired, 34);
	// When it is revoked before it was over, then by index
	const revoke = await at(root, "root", 2, 70, keyRevoked(keyHint(old.publicKey), asking, undefined));
	const back = await at(old, "thief", 0, 10);
	const revoked = await verify(await forge([legal.slice(0, 3), [revoke, back]], signer, keys), trust);
	t.deepEqual(
		revoked.findings.map(({ code, index }) => [code, index]),
		[["KeyRevoked", 4]],
	);
	// And what it has signed since it was stolen is in doubt from the day on which it is revoked from an earlier index on
	const since = await at(root, "root", 2, 70, keyRevoked(keyHint(old.publicKey), asking, 1));
	const doubted = await verify(await forge([legal.slice(0, 3), [since]], signer, keys), trust);
	t.deepEqual(
		doubted.findings.map(({ code, index, message }) => [code, index, message]),
		[
			[
				"KeyRevoked",
				3,
				"1 entries from 1 to 1 are signed by the key that this one revokes: whose they are is in doubt",
			],
		],
	);
});

test("the key of checkpoints is changed with an overlap; cosign, sigstore and the script take each entry of before, between and after", async (t) => {
	t.timeout(1_200_000);
	const entries = signerFor("Entries");
	const keys = initialKeys([entries.publicKey]);
	const [old, next] = [signerFor("Checkpoints"), signerFor("Checkpoints")];
	const store = new MemoryStore();
	// Given a log whose old key signs, then both with the old one first, then the new one first, then that alone
	const stages: readonly (readonly [Signer, readonly Signer[]])[] = [
		[old, []],
		[old, [next]],
		[next, [old]],
		[next, []],
	];
	for (const [counter, [signer, otherSigners]] of stages.entries()) {
		const sequencer = await Sequencer.open({ store, origin, signer, otherSigners, keys });
		await sequencer.append([await signed(entries, entryOf(counter))]);
		const note = parseNote(String(store.objects.get(`checkpoint/${String(counter + 1).padStart(12, "0")}`)));
		t.is(note.signatures.length, 1 + otherSigners.length);
	}
	// Then whoever knows both keys finds it good, and whoever knows one of them says which part that one has not signed
	const both = [next.publicKey, old.publicKey];
	t.deepEqual((await verify(store, { origin, logKeys: both, keys })).findings, []);
	const blind = await verify(store, { origin, logKeys: [old.publicKey], keys });
	t.true(blind.findings.some(({ code, object }) => code === "CheckpointUnsigned" && object.endsWith("4")));
	// And nobody goes on with a log whose key is another one
	const stranger = { store, origin, signer: signerFor("Checkpoints"), keys };
	const refused = await t.throwsAsync(Sequencer.open(stranger));
	t.true(isAuditError(refused, "KEY"));
	t.regex(refused?.message ?? "", /manifest\/000000000004 is not signed by the key of this log/);
	// And judges that are not ours take each entry with both keys in the trusted root
	const folder = temporaryFolder(t, "rotated");
	const write = (name: string, bytes: Buffer | string) => {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		writeFileSync(join(folder, name), bytes);
		return join(folder, name);
	};
	for (const [key, bytes] of store.objects) write(key, bytes);
	const pem = (key: Signer["publicKey"]) => key.export({ type: "spki", format: "pem" }) as string;
	const entryKey = write("entry.pem", pem(entries.publicKey));
	const [oldKey, newKey] = [write("old.pem", pem(old.publicKey)), write("new.pem", pem(next.publicKey))];
	const trusted = trustedRoot(origin, [
		{ key: old.publicKey, from: "2026-01-01T00:00:00Z", until: "2026-03-01T00:00:00Z" },
		{ key: next.publicKey, from: "2026-02-01T00:00:00Z" },
	]);
	const root = write("trusted_root.json", JSON.stringify(trusted));
	const verifier = new Verifier(
		toTrustMaterial(TrustedRoot.fromJSON(trusted), () => ({
			publicKey: entries.publicKey,
			validFor: () => true,
		})),
		{ timestampThreshold: 0 },
	);
	for (let index = 0; index < stages.length; index += 1) {
		const name = String(index).padStart(12, "0");
		const [line = Buffer.alloc(0)] = linesOf(store.objects.get(`batch/${name}.tsv`) ?? Buffer.alloc(0));
		const [bundle = Buffer.alloc(0)] = linesOf(store.objects.get(`bundle/${name}.ndjson`) ?? Buffer.alloc(0));
		const { entry } = decodeLine(line);
		t.notThrows(() =>
			execFileSync(join(binaries, "cosign"), [
				...["verify-blob", "--key", entryKey, "--trusted-root", root],
				...["--bundle", write("one.sigstore.json", bundle), write("one.json", entry as Buffer)],
			]),
		);
		t.notThrows(() =>
			verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle.toString())), entry as Buffer)),
		);
		const said = [oldKey, newKey].map(
			(key) => spawnSync("bash", [script, folder, origin, entryKey, key, String(index)]).status,
		);
		t.deepEqual(said, [index === 3 ? 1 : 0, index === 0 ? 1 : 0], `entry ${index}`);
	}
});

let binaries = "";
test.before("the judges are built", async (t) => {
	t.timeout(1_200_000);
	binaries = await ensureJudges();
});

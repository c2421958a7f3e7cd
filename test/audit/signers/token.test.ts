import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { isAuditError } from "../../../audit/error.ts";
import { decodeLine, linesOf } from "../../../audit/format/line.ts";
import { trustedRoot } from "../../../audit/format/trusted-root.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { signerAt } from "../../../audit/signer.ts";
import { type TokenTimes, tokenSigner } from "../../../audit/signers/token.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { ensureJudges } from "../../../dev/judges/judges.ts";
import { installSoftHsm, makeSoftHsm, type SoftHsm, softHsmModule } from "../../../dev/tokens/softhsm.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/until.ts";
import { entryOf, origin, signed } from "../entries.ts";

const pin = "5678";

/** A token of this test alone, with a key for entries, and how its URI reads. Tests are serial: one variable names the folder. */
async function token(t: ExecutionContext) {
	const hsm: SoftHsm = await makeSoftHsm(temporaryFolder(t, "hsm"));
	process.env.SOFTHSM2_CONF = hsm.config;
	await hsm.makeToken("audit", pin);
	await hsm.makeKey({ token: "audit", pin, label: "entries", type: "EC:prime256v1" });
	const pinFile = join(temporaryFolder(t, "pin"), "pin");
	writeFileSync(pinFile, `${pin}\n`);
	const uri = (object: string, label = "audit") =>
		`pkcs11:token=${label};object=${object}?module-path=${softHsmModule}&pin-source=file:${pinFile}`;
	const open = async (object: string, times?: TokenTimes) => {
		const signer = await tokenSigner(uri(object), times);
		t.teardown(() => signer.close());
		return signer;
	};
	return { hsm, pinFile, uri, open };
}

/** The processes that hold tokens for this one. */
function holders(): readonly number[] {
	return readdirSync("/proc/self/task").flatMap((thread) =>
		readFileSync(`/proc/self/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
	);
}

test.before("Debian's packages are there", async (t) => {
	t.timeout(600_000);
	await installSoftHsm();
});

test.serial(
	"stock cosign takes an entry of a log whose keys are both in a token, and no file holds them",
	async (t) => {
		t.timeout(1_200_000);
		// Given keys for entries and checkpoints in a token
		const { hsm, uri, open } = await token(t);
		await hsm.makeKey({ token: "audit", pin, label: "checkpoints", type: "EC:edwards25519" });
		const [entries, signer] = [await signerAt(uri("entries")), await open("checkpoints")];
		t.teardown(() => entries.close());
		t.is(entries.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
		t.is(signer.publicKey.asymmetricKeyType, "ed25519");
		// When a log is made with them
		const store = new MemoryStore();
		const keys = initialKeys([entries.publicKey]);
		const sequencer = await Sequencer.open({ store, origin, signer, keys });
		await sequencer.append(
			await Promise.all(Array.from({ length: 5 }, (_, at) => signed(entries, entryOf(at)))),
		);
		t.deepEqual((await verify(store, { origin, logKeys: [signer.publicKey], keys })).findings, []);
		// Then cosign takes an entry of it, and not another one's bundle
		const folder = temporaryFolder(t, "proof");
		const write = (name: string, bytes: Buffer | string) => {
			writeFileSync(join(folder, name), bytes);
			return join(folder, name);
		};
		const root = JSON.stringify(
			trustedRoot(origin, [{ key: signer.publicKey, from: "2026-01-01T00:00:00Z" }]),
		);
		const lines = linesOf(store.objects.get("batch/000000000000.tsv") ?? Buffer.alloc(0));
		const bundles = linesOf(store.objects.get("bundle/000000000000.ndjson") ?? Buffer.alloc(0));
		const judge = async (entry: number, bundle: number) =>
			execFileSync(join(await ensureJudges(), "cosign"), [
				...["verify-blob", "--trusted-root", write("trusted_root.json", root)],
				...["--key", write("entry.pem", entries.publicKey.export({ type: "spki", format: "pem" }) as string)],
				...["--bundle", write("one.sigstore.json", bundles[bundle] ?? "")],
				write("one.json", decodeLine(lines[entry] ?? Buffer.alloc(0)).entry as Buffer),
			]);
		await t.notThrowsAsync(judge(3, 3));
		await t.throwsAsync(judge(3, 2));
		// And the token lets nobody have the key
		const objects = await hsm.tool("--login", "--pin", pin, "--list-objects", "--type", "privkey");
		t.is(objects.match(/sensitive, always sensitive, never extractable/g)?.length, 2, objects);
	},
);

test.serial(
	"a token that is taken out costs signatures, says so, and signs again when it is back",
	async (t) => {
		t.timeout(120_000);
		const { hsm, open } = await token(t);
		const signer = await open("entries", { pauseMilliseconds: 10 });
		const bytes = Buffer.from("what happened");
		// When it is taken out, and whoever held it is gone with it
		renameSync(hsm.tokens, `${hsm.tokens}.away`);
		for (const pid of holders()) process.kill(pid, "SIGKILL");
		await until("its process is gone", () => holders().length === 0);
		const error = await t.throwsAsync(signer.sign(bytes));
		t.true(isAuditError(error, "SIGN"));
		t.regex(error?.message ?? "", /^key entries in token audit: .*is it there/);
		// Then it signs when it is back, with the same key
		renameSync(`${hsm.tokens}.away`, hsm.tokens);
		const key = signer.publicKey;
		await until("it signs again", async () => (await signer.sign(bytes)).length > 0);
		t.true(signer.publicKey.equals(key));
	},
);

test.serial("a library that hangs holds up nothing but its signature; the next one is made", async (t) => {
	t.timeout(120_000);
	const { open } = await token(t);
	const signer = await open("entries", { signMilliseconds: 500 });
	const [pid] = holders();
	if (pid === undefined) throw new Error("nobody holds the token");
	process.kill(pid, "SIGSTOP");
	// The event loop goes on meanwhile, and one more try with a new process makes the signature.
	let turns = 0;
	const timer = setInterval(() => {
		turns += 1;
	}, 10);
	const signature = await signer.sign(Buffer.from("a"));
	clearInterval(timer);
	t.true(signature.length > 60);
	t.true(turns > 10, `${turns} turns of the loop`);
	await until("the one that hung is gone", () => !holders().includes(pid));
	// Many at once, while its process is killed: all are made
	const many = Promise.all(Array.from({ length: 50 }, (_, at) => signer.sign(Buffer.from(String(at)))));
	for (const one of holders()) process.kill(one, "SIGKILL");
	t.is((await many).length, 50);
	t.is(holders().length, 1);
	await signer.close();
	await until("nothing is left behind", () => holders().length === 0);
	t.true(isAuditError(await t.throwsAsync(signer.sign(Buffer.from("b"))), "SIGN"));
});

test.serial("a PIN that the token refuses is tried once, until its file changes", async (t) => {
	t.timeout(120_000);
	const { hsm, pinFile, open } = await token(t);
	const signer = await open("entries", { pauseMilliseconds: 1 });
	// Given a token whose PIN was changed, and a session that was lost
	const change = (from: string, to: string) =>
		hsm.tool("--token-label", "audit", "--login", "--pin", from, "--change-pin", "--new-pin", to);
	await change(pin, "8765");
	for (const pid of holders()) process.kill(pid, "SIGKILL");
	await until("its process is gone", () => holders().length === 0);
	const said = async () => (await t.throwsAsync(signer.sign(Buffer.from("a"))))?.message ?? "";
	t.regex(await said(), /CKR_PIN_INCORRECT; the PIN in .*\/pin is not tried again before that file changes/);
	// When the token would take it again, then nobody asks it
	await change("8765", pin);
	t.regex(await said(), /not tried again/);
	t.is(holders().length, 0);
	// And when the file changes it is
	writeFileSync(pinFile, pin);
	await until("it signs", async () => (await signer.sign(Buffer.from("a"))).length > 0);
	await t.throwsAsync(open("nothing"), {
		message: /token audit holds 0 private keys nothing: there must be one/,
	});
	writeFileSync(pinFile, "wrong");
	await t.throwsAsync(open("entries"), { message: /CKR_PIN_INCORRECT/ });
});

test.serial("a key that is not fit, or not there, is refused with the remedy", async (t) => {
	t.timeout(120_000);
	const { hsm, uri, open } = await token(t);
	await hsm.makeKey({ token: "audit", pin, label: "loose", type: "EC:prime256v1", isExtractable: true });
	await hsm.makeKey({ token: "audit", pin, label: "large", type: "EC:secp384r1" });
	await hsm.makeKey({ token: "audit", pin, label: "twice", type: "EC:prime256v1" });
	await hsm.makeKey({ token: "audit", pin, label: "twice", type: "EC:prime256v1" });
	const refused = async (asked: Promise<unknown>, code: "KEY" | "SIGN", words: RegExp) => {
		const error = await t.throwsAsync(asked);
		t.true(isAuditError(error, code), String(error));
		t.regex(error?.message ?? "", words);
	};
	await refused(open("loose"), "KEY", /may leave its token: make one that is sensitive and not extractable/);
	await refused(open("large"), "KEY", /neither P-256 nor Ed25519/);
	await refused(open("twice"), "KEY", /holds 2 private keys twice: there must be one/);
	await refused(signerAt(uri("entries", "other")), "SIGN", /token other is not there/);
	await refused(
		signerAt(uri("entries").replace(softHsmModule, "/nowhere.so")),
		"KEY",
		/\/nowhere\.so \(module-path\) is no PKCS #11 library of this machine: /,
	);
	await refused(
		signerAt(uri("entries").replace(/file:.*/, "/nowhere")),
		"KEY",
		/the file of the PIN cannot be read: .*\/nowhere/,
	);
	await until("nothing is left behind", () => holders().length === 0);
});

test.serial("without the optional package the error says which to install", async (t) => {
	t.timeout(120_000);
	// Given this folder alone, where no package is found
	const { uri } = await token(t);
	const folder = temporaryFolder(t, "alone");
	cpSync(fileURLToPath(new URL("../../../audit", import.meta.url)), join(folder, "audit"), {
		recursive: true,
	});
	const signer = pathToFileURL(join(folder, "audit/signers/token.ts")).href;
	const program = `
		import { tokenSigner } from ${JSON.stringify(signer)};
		await tokenSigner(${JSON.stringify(uri("entries"))}).catch((error) => console.log(error.code, error.message));
	`;
	const said = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
		encoding: "utf8",
	});
	t.regex(
		said,
		/^KEY key entries in token audit: the package koffi is not installed, .*: npm install koffi@3\.3\.4\n$/,
	);
});

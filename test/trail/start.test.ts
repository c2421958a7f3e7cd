import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { encodeVerifierKey, noteKinds } from "../../audit/format/keys.ts";
import { freePorts } from "../../dev/cluster/ports.ts";
import { signerFor } from "../audit/entries.ts";
import { until } from "../support/until.ts";
import { bucketName, happening, Place } from "./trails.ts";

const time = { timeoutMilliseconds: 90_000 };

/** Options with one of them exchanged, or left out. */
function exchanged(options: readonly string[], name: string, value?: string): readonly string[] {
	const at = options.indexOf(name);
	return [...options.slice(0, at), ...(value === undefined ? [] : [name, value]), ...options.slice(at + 2)];
}

test("an option, a key or a bucket that is wrong is named in one line with the remedy", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t, { withLock: false });
	const options = place.options("trail-0");
	const say = async (code: number, args: readonly string[], words: RegExp) => {
		const answer = await place.start(args);
		t.is(answer.code, code, answer.err);
		t.regex(answer.err.trimEnd().split("\n").at(-1) ?? "", words);
		t.regex(answer.err, /^(\{.*\n)*tradingsafety-trail: .*\n$/);
	};
	await say(2, [], /--entry-key is missing|--origin is missing/);
	await say(2, exchanged(options, "--bucket"), /--bucket is missing/);
	await say(2, [...options, "--nonsense"], /--nonsense/);
	await say(
		2,
		exchanged(options, "--origin", "Not A Name"),
		/--origin must be like a host name, got "Not A Name"/,
	);
	await say(2, [...options, "--retention-days", "0"], /--retention-days must be a whole number from 1 /);
	await say(
		2,
		[...options, "--witness", "http://127.0.0.1:1"],
		/--witness and --witness-key need each other/,
	);
	await say(
		2,
		[...options, "--witness", "http://127.0.0.1:1", "--witness-key", "a+b+c"],
		/--witness-key: .*no verifier key/,
	);
	await say(2, exchanged(options, "--key", "/nowhere.pem"), /--key \/nowhere\.pem: .*npm run audit -- keys/);
	await say(
		2,
		exchanged(options, "--key", place.path("log.pem")),
		/--key .*log\.pem: entries need a P-256 key/,
	);
	await say(2, exchanged(options, "--log-key", place.path("trail.pem")), /--log-key .*Ed25519/);
	await say(
		2,
		exchanged(options, "--key", place.path("later.pem")),
		/--key .*later\.pem is to be one of the --entry-key/,
	);
	await say(
		2,
		exchanged(options, "--entry-key", place.path("log.pub")),
		/--entry-key .*log\.pub is no public P-256 key/,
	);
	writeFileSync(place.path("token"), "short\n");
	await say(
		2,
		[...options, "--kube-audit-token", place.path("token")],
		/fewer than 16 characters: openssl rand/,
	);
	await say(2, [...options, "--tls-key", "a"], /--tls-cert and --tls-key need each other/);
	await say(
		2,
		[...options, "--tls-cert", place.path("log.pem"), "--tls-key", place.path("log.pem")],
		/no certificate in PEM/,
	);
	// The store is asked, and has no locks
	await say(1, options, /made with Object Lock/);
	await say(
		1,
		exchanged(options, "--bucket", "nowhere"),
		/bucket nowhere.*is there such a bucket, made with Object Lock\?/,
	);
	const stranger = await place.start(options, { AWS_SECRET_ACCESS_KEY: "wrong" });
	t.is(stranger.code, 1);
	t.regex(stranger.err, /are these the right credentials/);
});

test("a log that was begun with other keys is not gone on with; one that comes later is added by an entry", async (t) => {
	t.timeout(240_000);
	const place = await Place.open(t);
	const first = await place.trail();
	const { writer } = await place.writer("operator-0", await first.url());
	const ticket = writer.record(happening);
	await until("it is stored", () => writer.isStored(ticket), time);
	t.is(await first.end(), 0);
	const options = place.options("trail-0");
	const other = await place.start([...options, "--entry-key", place.path("later.pub")]);
	t.is(other.code, 1);
	t.regex(other.err, /was begun with other keys of entries: .* is given and was not one of them .*--add-key/);
	const wrong = await place.start(exchanged(options, "--origin", "other.example"));
	t.is(wrong.code, 1);
	t.regex(wrong.err, /is not signed by --log-key as other\.example/);
	// When it is offered as one that signs from now on
	const offer = await place.offer("later");
	const second = await place.trail("trail-0", ["--add-key", offer]);
	const late = await place.writer("sidecar-0", await second.url(), { key: "later" });
	const added = late.writer.record(happening);
	await until("it is stored", () => late.writer.isStored(added), time);
	t.is(await second.end(), 0);
	// Then who trusts the first ones alone finds all of it good, and starting again adds nothing
	const third = await place.trail("trail-0", ["--add-key", offer]);
	t.is(await third.end(), 0);
	t.is((await place.entries()).filter(({ kind }) => kind === "KeyAdded").length, 1);
	const good = await place.verify();
	t.is(good.code, 0, good.out + good.err);
});

test("it verifies itself, records what came out, and finds what was changed behind its back", async (t) => {
	t.timeout(240_000);
	const place = await Place.open(t);
	const first = await place.trail();
	const { writer } = await place.writer("operator-0", await first.url());
	const ticket = writer.record(happening);
	await until("it is stored", () => writer.isStored(ticket), time);
	t.is(await first.end(), 0);
	const verifications = async () => (await place.entries()).filter(({ kind }) => kind === "Verification");
	// When one that verifies starts
	const second = await place.trail("trail-0", ["--verify-hours", "1"]);
	const [good] = await until(
		"it is recorded",
		async () => {
			const found = await verifications();
			return found.length > 0 ? found : undefined;
		},
		time,
	);
	t.like(good?.metadata, { outcome: "Good", findings: "0" });
	t.is(await second.metric("tradingsafety_trail_findings"), 0);
	t.is(await second.end(), 0);
	// When somebody with the disks takes an object away, and an hour has passed
	rmSync(join(place.objects, bucketName, "bundle/000000000000.ndjson"));
	utimesSync(join(place.path("spool-trail-0"), "verified", "verified-checkpoint"), 0, 0);
	const third = await place.trail("trail-0", ["--verify-hours", "1"]);
	const bad = await until("it is recorded", async () => (await verifications())[1], time);
	t.like(bad.metadata, { outcome: "NotGood" });
	t.regex(bad.metadata?.first ?? "", /^ObjectMissing bundle\/000000000000\.ndjson/);
	t.true(((await third.metric("tradingsafety_trail_findings")) ?? 0) > 0);
	t.regex(third.text, /the whole log was verified and is NOT good/);
});

test("a witness that does not answer is told of, and what is recorded is stored without it", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const vkey = encodeVerifierKey(
		"witness.example",
		noteKinds.cosignature,
		signerFor("Checkpoints").publicKey,
	);
	const [port = 0] = await freePorts(1);
	const trail = await place.trail("trail-0", [
		...["--witness", `http://127.0.0.1:${port}`, "--witness-key", vkey],
	]);
	const { writer } = await place.writer("operator-0", await trail.url());
	const ticket = writer.record(happening);
	await until("it is stored", () => writer.isStored(ticket), time);
	t.true(((await trail.metric("tradingsafety_trail_witness_failures_total")) ?? 0) > 0);
	t.regex(trail.text, /failed: Witness/);
	t.deepEqual(await trail.get("/readyz"), { status: 200, text: "ok\n" });
	t.is(await trail.end(), 0);
	const missed = await place.verify("--witness", vkey, "--require-witness", "1");
	t.regex(missed.out, /WitnessMissing/);
});

test("a store that is not there yet is waited for", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	process.kill(place.server.pid, "SIGSTOP");
	t.teardown(() => process.kill(place.server.pid, "SIGCONT"));
	const trail = await place.trail();
	const answer = await trail.get("/readyz");
	t.is(answer.status, 503);
	t.regex(answer.text, /the store was not found good yet/);
	t.is((await trail.get("/states")).status, 503);
	process.kill(place.server.pid, "SIGCONT");
	await until("it is ready", async () => (await trail.get("/readyz")).status === 200, time);
	await until("its own entries are stored", async () => (await place.entries()).length >= 2, time);
});

import { createPublicKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import test from "ava";
import { newKey } from "../../audit/signer.ts";
import { until } from "../support/until.ts";
import { happening, Place } from "./trails.ts";

const time = { timeoutMilliseconds: 60_000 };

test("a key that is offered to the trail signs, and the key of its checkpoints is changed: an auditor finds all of it good", async (t) => {
	t.timeout(240_000);
	const place = await Place.open(t);
	const pem = newKey("Checkpoints");
	writeFileSync(place.path("next-log.pem"), pem, { mode: 0o600 });
	writeFileSync(place.path("next-log.pub"), createPublicKey(pem).export({ type: "spki", format: "pem" }));
	const offer = await place.offer("later");
	const kinds = async () => (await place.entries()).map(({ kind }) => kind);
	// Given a trail that is told of a new key, and a writer that has it
	const first = await place.trail("trail-0", ["--add-key", offer]);
	await until("the key is in the log", async () => (await kinds()).includes("KeyAdded"), time);
	const { writer } = await place.writer("operator-0", await first.url(), { key: "later" });
	const ticket = writer.record(happening);
	await until("it is stored", () => writer.isStored(ticket), time);
	t.is(await first.end(), 0);
	// When the key of checkpoints is changed: both of them sign, then the new one alone
	const [old, next] = [place.path("log.pem"), place.path("next-log.pem")];
	for (const [at, options] of [
		["--log-key", next, "--other-log-key", old],
		["--log-key", next, "--former-log-key", place.path("log.pub")],
	].entries()) {
		const trail = await place.trail("trail-0", options);
		const wanted = at + 2;
		const starts = async () => (await kinds()).filter((kind) => kind === "Started").length > wanted;
		await until("it has recorded that it began", starts, time);
		t.is(await trail.end(), 0);
	}
	// Then with both keys, and the first keys of entries, all of it is good; with one of them that part is named
	const good = await place.verify("--log-key", place.path("next-log.pub"));
	t.is(good.code, 0, good.out + good.err);
	t.regex((await place.verify()).out, /CheckpointUnsigned \(53\)/);
	t.is((await kinds()).filter((kind) => kind === "KeyAdded").length, 1);
	// And one that has only the old key begins nothing
	const refused = await place.start(place.options("trail-1"));
	t.is(refused.code, 1);
	t.regex(refused.err, /is not signed by --log-key as .*give the one before as --other-log-key/);
	const wrong = await place.start([...place.options("trail-1"), "--add-key", place.path("later.pub")]);
	t.is(wrong.code, 2);
	t.regex(wrong.err, /--add-key .*later\.pub offers no key: .* \(npm run -s audit -- offer KEY --origin/);
});

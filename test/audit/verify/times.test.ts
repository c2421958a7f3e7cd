import test from "ava";
import type { Entry } from "../../../audit/entry.ts";
import type { Signed } from "../../../audit/format/leaf.ts";
import { batchPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import type { VerifyOptions } from "../../../audit/verify/report.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

// Clocks and promises of writers that begin again, in another epoch, perhaps on another machine.

const [own, other, third] = [signerFor("Entries"), signerFor("Entries"), signerFor("Entries")];
const signer = signerFor("Checkpoints");
const keys = initialKeys([own.publicKey, other.publicKey, third.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

const start = Date.UTC(2026, 0, 1);
/** So many seconds after the start by the wall clock, and by the timer of a machine. */
const at = (seconds: number, timer = seconds, boot = "boot-1", error = 500): Entry["time"] => ({
	wall: new Date(start + seconds * 1_000).toISOString().replace("Z", "000Z"),
	monotonic: String(timer * 1_000_000_000),
	...{ boot, source: "ntp", errorMicroseconds: error },
});
const by = (id: string, epoch: string, counter: number, time: Entry["time"], rest: Partial<Entry> = {}) =>
	entryOf(counter, { writer: { id, epoch, counter }, time, ...rest });
const heartbeat = { kind: "Heartbeat", metadata: { nextWithinSeconds: "300" } } as const;
const stepped = { kind: "ClockStepped" } as const;
const stopped = { kind: "Stopped" } as const;

async function told(all: readonly Promise<Signed>[], options?: VerifyOptions): Promise<readonly string[]> {
	const { findings } = await verify(await forge([await Promise.all(all)], signer, keys), trust, options);
	return findings.map(({ code, index }) => `${code} ${index ?? "at the end"}`);
}
const op = (...args: Parameters<typeof by> extends [string, ...infer Rest] ? Rest : never) =>
	signed(own, by("op", ...args));

test("a writer that begins anew does not go back in time, unless it says that its clock was set", async (t) => {
	// Given a writer in 2026, whose next epoch says a year earlier
	const before = op("1", 0, at(0, 100));
	const year = -365 * 86_400;
	// Then that is told, once, on another machine as on the same one
	const later = op("2", 1, at(year + 1, 2, "boot-2"));
	t.deepEqual(await told([before, op("2", 0, at(year, 1, "boot-2")), later]), ["EntryBackdated 1"]);
	t.deepEqual(await told([before, op("2", 0, at(year, 101))]), ["EntryBackdated 1"]);
	// And not where the first entry of the epoch says that the clock was set
	t.deepEqual(await told([before, op("2", 0, at(year, 1, "boot-2"), stepped)]), []);
	// And an epoch that comes back later than the one after it is told of as well
	t.deepEqual(await told([before, op("2", 0, at(1_000, 1_100)), op("1", 1, at(10, 110))]), [
		"EntryBackdated 2",
	]);
});

test("another machine may have a clock that is off by as much as the two say, and not by more", async (t) => {
	const before = op("1", 0, at(10, 10, "boot-1", 30_000));
	t.deepEqual(await told([before, op("2", 0, at(9.95, 7, "boot-2", 30_000))]), []);
	t.deepEqual(await told([before, op("2", 0, at(9.92, 7, "boot-2", 30_000))]), ["EntryBackdated 1"]);
	// And may be ahead, or take its time
	t.deepEqual(await told([before, op("2", 0, at(86_400, 7, "boot-2"))]), []);
});

test("in one run of a machine its timer is held against the clock, whatever the epoch", async (t) => {
	const before = op("1", 0, at(0, 100));
	t.deepEqual(await told([before, op("2", 0, at(3_600, 101))]), ["EntryBackdated 1"]);
	t.deepEqual(await told([before, op("2", 0, at(3_600, 101), stepped)]), []);
	t.deepEqual(await told([before, op("2", 0, at(3_600, 3_700))]), []);
});

test("a writer that goes on in another epoch is not silent, and one that is late there is late", async (t) => {
	// Given a sign of life, and the next ones in another epoch
	const first = op("1", 0, at(0), heartbeat);
	const next = op("2", 0, at(200), heartbeat);
	t.deepEqual(await told([first, next], { at: start + 400_000 }), []);
	t.deepEqual(await told([first, next], { at: start + 1_000_000 }), ["HeartbeatMissing at the end"]);
	t.deepEqual(await told([first, op("2", 0, at(1_000), heartbeat)], { at: start + 1_100_000 }), [
		"HeartbeatMissing 1",
	]);
	t.deepEqual(await told([first, op("1", 1, at(10), stopped)], { at: start + 9_000_000 }), []);
});

test("a writer that is silent while others write for a day is missed, though nobody says what time it is", async (t) => {
	const first = op("1", 0, at(0), heartbeat);
	const day = at(86_400);
	const a = signed(other, by("a", "1", 0, day));
	// Then one other writer is enough where there is no more, of the same key or another
	t.deepEqual(await told([first, a]), ["HeartbeatMissing at the end"]);
	t.deepEqual(await told([first, signed(own, by("a", "1", 0, day))]), ["HeartbeatMissing at the end"]);
	// And where there are more, two of them must say so: one clock that is wrong accuses nobody
	const near = signed(third, by("b", "1", 0, at(60)));
	t.deepEqual(await told([first, a, near]), []);
	t.deepEqual(await told([first, a, signed(third, by("b", "1", 0, day))]), ["HeartbeatMissing at the end"]);
	// And nobody is missed who has stopped, or is alone, or whose time is not over
	t.deepEqual(await told([first, op("1", 1, at(10), stopped), a]), []);
	t.deepEqual(await told([first]), []);
	t.deepEqual(await told([first, signed(other, by("a", "1", 0, at(350)))]), []);
});

test("where entries were lost nobody is said to be late, silent or back in time because of them", async (t) => {
	// Given a writer that sets its clock in a round, goes on, and another one that stops there
	const other = (counter: number, rest: Partial<Entry>) =>
		signed(third, by("b", "1", counter, at(counter), rest));
	const rounds = [
		[op("1", 0, at(0, 100), heartbeat), other(0, heartbeat)],
		[op("1", 1, at(-9_000, 101), stepped), other(1, stopped)],
		[op("1", 2, at(-8_900, 201)), op("1", 3, at(5_000, 14_101))],
	];
	const store = await forge(await Promise.all(rounds.map((round) => Promise.all(round))), signer, keys);
	const codes = async () =>
		(await verify(store, trust, { at: start + 5_000_000 })).findings.map(({ code }) => code);
	// Then what comes late is told of, and where the round is gone nothing but what needs no entry of it
	t.deepEqual(await codes(), ["HeartbeatMissing"]);
	store.objects.delete(batchPath(2));
	t.deepEqual(await codes(), ["ObjectMissing", "EntryDropped", "HeartbeatMissing"]);
});

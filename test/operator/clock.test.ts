import test from "ava";
import { Clock } from "../../kube/clock.ts";

const hour = 3_600_000;
const header = (time: number) => new Date(time).toUTCString();

/** A clock that has heard one answer, sent some time ago, of a server that is off by some time. */
function heard(serverAhead: number, callMilliseconds = 0) {
	const offsets: number[] = [];
	const clock = new Clock((seconds) => offsets.push(seconds));
	const sentAt = Date.now() - callMilliseconds;
	clock.hear(header(Date.now() + serverAhead), sentAt);
	return { clock, offsets, apart: Date.parse(clock.now()) - Date.now() };
}

test("a clock that agrees with the API server to some seconds is used as it is", (t) => {
	// Given answers of servers that are a little off, or took long
	for (const [ahead, call] of [
		[0, 0],
		[3_000, 0],
		[-3_000, 0],
		[-20_000, 60_000],
	] as const) {
		const { offsets, apart } = heard(ahead, call);
		// Then the time is that of this machine
		t.true(Math.abs(apart) < 1_000, `${ahead}: ${apart}`);
		t.deepEqual(offsets, []);
	}
});

test("a clock that is an hour off is not used, and that is told once", (t) => {
	for (const ahead of [hour, -hour]) {
		// Given a server that is an hour ahead or behind
		const { clock, offsets, apart } = heard(ahead);
		// Then the time is that of the server, to some seconds
		t.true(Math.abs(apart - ahead) < 3_000, String(apart));
		t.is(offsets.length, 1);
		clock.hear(header(Date.now() + ahead), Date.now());
		t.is(offsets.length, 1);
		// When the clock is set right, then it is used again, and that is told
		clock.hear(header(Date.now()), Date.now());
		t.true(Math.abs(Date.parse(clock.now()) - Date.now()) < 1_000);
		t.is(offsets.at(-1), 0);
	}
});

test("an answer without a date, or with nonsense for one, changes nothing", (t) => {
	// Given a clock that heard of an hour
	const { clock } = heard(hour);
	// When answers carry no date
	clock.hear(undefined, Date.now());
	clock.hear("banana", Date.now());
	// Then it keeps what it knows
	t.true(Date.parse(clock.now()) - Date.now() > hour - 3_000);
});

test("how far this machine may be off is what a comparison leaves open", (t) => {
	// Given a clock that nobody has compared
	const clock = new Clock(() => {});
	t.is(clock.errorMilliseconds(), undefined);
	// When the API server's time, which has whole seconds, is this machine's
	const now = Date.now();
	clock.hear(new Date(now).toUTCString(), now);
	// Then it is known to within that second, and a bit for the time since
	const error = clock.errorMilliseconds() ?? Number.NaN;
	t.true(error >= 500 && error < 2_000, `${error}`);
	// When it is an hour behind
	clock.hear(new Date(now - 3_600_000).toUTCString(), now);
	t.true((clock.errorMilliseconds() ?? 0) >= 3_599_000);
});

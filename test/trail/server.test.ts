import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test from "ava";
import { encodeLine } from "../../audit/format/line.ts";
import { fileSigner } from "../../audit/signer.ts";
import { createAuthority, issueCertificate } from "../../dev/cluster/pki.ts";
import { freePorts } from "../../dev/cluster/ports.ts";
import { entryOf, signed } from "../audit/entries.ts";
import { Chance } from "../operator/chance.ts";
import { until } from "../support/until.ts";
import { happening, origin, Place, writerOf } from "./trails.ts";

const time = { timeoutMilliseconds: 90_000 };
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

test("what a writer hands over is in the store, an auditor finds it good, and its state is told", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const trail = await place.trail();
	const { writer, errors } = await place.writer("operator-0", await trail.url());
	// When a desk is raised, and something else happens that is no state of a desk
	writer.record(happening);
	const ticket = writer.record({ ...happening, kind: "Heartbeat", metadata: { nextWithinSeconds: "900" } });
	await until("it is stored", () => writer.isStored(ticket), time);
	t.deepEqual(errors, []);
	// Then the trail tells the state, the checkpoint, and how it is
	const answer = await trail.get("/states");
	const { states, ...rest } = JSON.parse(answer.text);
	t.like(rest, { isComplete: true, isCurrent: true });
	t.is(states.length, 1);
	const { index, ...state } = states[0];
	const [told] = (await place.entries()).filter(({ kind }) => kind === "Transition");
	t.is((await place.entries())[index]?.id, told?.id);
	t.deepEqual(state, { entity: happening.entity, after: happening.after, time: told?.time.wall });
	t.regex((await trail.get("/checkpoint")).text, /^trail\.example\n\d+\n/);
	t.deepEqual(await trail.get("/readyz"), { status: 200, text: "ok\n" });
	t.is(await trail.metric('tradingsafety_trail_entries_total{kind="Transition"}'), 1);
	t.is(await trail.metric("tradingsafety_trail_size"), (await place.entries()).length);
	// And when it ends on purpose, that is in the record
	t.is(await trail.end(), 0);
	const entries = await place.entries();
	t.like(
		entries.findLast((entry) => writerOf(entry) === "trail-0"),
		{ kind: "Stopped" },
	);
	const good = await place.verify();
	t.is(good.code, 0, good.out + good.err);
	// Another one that starts later reads the state back from the store
	const later = await place.trail();
	const again = await until("it was read", async () => {
		const { status, text } = await later.get("/states");
		return status === 200 ? JSON.parse(text) : undefined;
	});
	t.like(again, { isComplete: true, isCurrent: true, states });
});

test("two trails on one bucket: both acknowledge, nothing is lost or repeated", async (t) => {
	t.timeout(300_000);
	const place = await Place.open(t);
	const trails = [await place.trail("trail-a"), await place.trail("trail-b")] as const;
	const urls = await Promise.all(trails.map((trail) => trail.url()));
	// Given two writers for each of them, and one that changes between them with every entry
	const writers = await Promise.all(
		upTo(4).map((at) => place.writer(`operator-${at}`, urls[at % 2] as string)),
	);
	const wanderer = await fileSigner(place.path("writer.pem"));
	const wander = (async () => {
		const answers: string[] = [];
		for (const counter of upTo(30)) {
			const entry = entryOf(counter, { log: origin, writer: { id: "wanderer", epoch: "1", counter } });
			const body = encodeLine(await signed(wanderer, entry));
			const url = `${urls[counter % 2]}/entries`;
			answers.push(await (await fetch(url, { method: "POST", body: new Uint8Array(body) })).text());
		}
		return answers;
	})();
	const tickets = writers.map(({ writer }) =>
		upTo(100).map((at) => writer.record({ ...happening, action: `act ${at}` })),
	);
	await until(
		"all is stored",
		() => writers.every(({ writer }, at) => writer.isStored(tickets[at]?.at(-1) ?? 0)),
		{ timeoutMilliseconds: 200_000 },
	);
	// Then each one was appended at the first try, whoever had seen the one before
	for (const answer of await wander)
		t.regex(answer, /^\{"outcomes":\[\{"kind":"Appended","index":\d+\}\]\}\n$/);
	const entries = await place.entries();
	for (const { id } of [...writers.map((_, at) => ({ id: `operator-${at}` })), { id: "wanderer" }]) {
		const counters = entries.filter((entry) => writerOf(entry) === id).map(({ writer }) => writer.counter);
		t.deepEqual(counters, upTo(counters.length), id);
	}
	t.is(entries.filter(({ action }) => /^act \d+$/.test(action)).length, 400);
	// And both know all of it
	for (const trail of trails) {
		const { size } = JSON.parse((await trail.get("/states")).text);
		t.true(size >= entries.length);
		t.deepEqual(await trail.get("/readyz"), { status: 200, text: "ok\n" });
	}
	for (const { errors } of writers) t.deepEqual(errors, []);
	for (const trail of trails) t.is(await trail.end(), 0);
	const good = await place.verify();
	t.is(good.code, 0, good.out + good.err);
});

test("a store that hangs: the trail says so, ends in time, and all is there when it goes on", async (t) => {
	t.timeout(300_000);
	const place = await Place.open(t);
	const trail = await place.trail();
	const { writer } = await place.writer("operator-0", await trail.url());
	const first = writer.record(happening);
	await until("the first is stored", () => writer.isStored(first), time);
	// When the store hangs
	process.kill(place.server.pid, "SIGSTOP");
	t.teardown(() => process.kill(place.server.pid, "SIGCONT"));
	const last =
		upTo(20)
			.map(() => writer.record(happening))
			.at(-1) ?? 0;
	// Then nothing is acknowledged, it is said, and what was known is told
	const refused = await until("it is not ready", async () => {
		const answer = await trail.get("/readyz");
		return answer.status === 503 ? answer : undefined;
	});
	t.regex(refused.text, /store/);
	t.false(writer.isStored(last));
	const known = await trail.get("/states");
	t.is(known.status, 200);
	t.like(JSON.parse(known.text), { isCurrent: false, states: [{ entity: happening.entity }] });
	t.is((await trail.get("/healthz")).status, 200);
	// When it goes on, then all is stored, and it is ready
	process.kill(place.server.pid, "SIGCONT");
	await until("all is stored", () => writer.isStored(last), time);
	await until("it is ready", async () => (await trail.get("/readyz")).status === 200, time);
	// And when it hangs for good, then an end on purpose takes less than ten seconds
	process.kill(place.server.pid, "SIGSTOP");
	const ticket = writer.record(happening);
	await until(
		"it waits",
		async () => (await trail.metric('tradingsafety_trail_waiting_bytes{path="/entries"}')) !== 0,
	);
	const before = performance.now();
	t.is(await trail.end(), 0);
	t.true(performance.now() - before < 10_000);
	process.kill(place.server.pid, "SIGCONT");
	t.false(writer.isStored(ticket));
});

test("what waits for a store that hangs is bounded, and let go when nobody waits for the answer", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const trail = await place.trail();
	process.kill(place.server.pid, "SIGSTOP");
	t.teardown(() => process.kill(place.server.pid, "SIGCONT"));
	// When more comes than is let wait
	const body = `${"e".repeat(54_000)}\tYQ==\tYQ==\n`.repeat(256);
	const gone = new AbortController();
	const url = await trail.url("/entries");
	const answers = upTo(8).map(() =>
		fetch(url, { method: "POST", body, signal: gone.signal }).then(
			async (response) => `${response.status} ${await response.text()}`,
			() => "gone",
		),
	);
	// Then what is too much is refused while the rest waits
	t.regex(await Promise.race(answers), /^503 \d+ bytes wait to be recorded: try again/);
	const waiting = async () =>
		(await trail.metric('tradingsafety_trail_waiting_bytes{path="/entries"}')) ?? -1;
	const held = await waiting();
	t.true(held > 0 && held <= 64 * 2 ** 20, `${held} bytes`);
	gone.abort();
	await until("it is let go", async () => (await waiting()) === 0, time);
});

test("killed at any time: what was acknowledged is there, and what was not comes with the next one", async (t) => {
	t.timeout(300_000);
	const place = await Place.open(t);
	const [port = 0] = await freePorts(1);
	const chance = new Chance(t);
	const args = ["--http-port", String(port)];
	let trail = await place.trail("trail-0", args);
	const { writer } = await place.writer("operator-0", `http://127.0.0.1:${port}`);
	const tickets: number[] = [];
	for (const round of upTo(6)) {
		for (const _ of upTo(10)) tickets.push(writer.record({ ...happening, action: `act ${round}` }));
		// At some moment of what it takes to store them
		await chance.moment(300);
		await trail.end("SIGKILL");
		const stored = tickets.filter((ticket) => writer.isStored(ticket)).length;
		const there = (await place.entries()).filter(({ action }) => action.startsWith("act ")).length;
		t.true(there >= stored, `${stored} were acknowledged, ${there} are there`);
		trail = await place.trail("trail-0", args);
	}
	await until("all is stored", () => writer.isStored(tickets.at(-1) ?? 0), time);
	t.is((await place.entries()).filter(({ action }) => action.startsWith("act ")).length, 60);
	t.is(await trail.end(), 0);
	const good = await place.verify();
	t.is(good.code, 0, good.out + good.err);
});

test("entries that cannot be in this log are refused by name, and whoever wrote them says so", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const trail = await place.trail();
	const url = await trail.url();
	const stranger = await place.writer("stranger", url, { key: "stranger" });
	const foreign = await place.writer("foreign", url, { log: "another.example" });
	const good = await place.writer("operator-0", url);
	await until("both say so", () => stranger.errors.length > 0 && foreign.errors.length > 0, time);
	t.regex(stranger.errors[0] ?? "", /^HandOver: the log refuses entry 0 .*not one of this log/);
	t.regex(foreign.errors[0] ?? "", /^HandOver: the log refuses entry 0 .*for the log another\.example/);
	t.true(stranger.writer.state().kind === "Behind");
	// Others are not held up by it
	const ticket = good.writer.record(happening);
	await until("it is stored", () => good.writer.isStored(ticket), time);
	t.true(((await trail.metric("tradingsafety_trail_refused_total")) ?? 0) >= 2);
	t.deepEqual([...new Set((await place.entries()).map(writerOf))].sort(), ["operator-0", "trail-0"]);
});

test("what is no list of entries is refused with a word, and takes no memory", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const trail = await place.trail();
	const post = async (body: Uint8Array<ArrayBuffer> | string, path = "/entries") => {
		const response = await fetch(await trail.url(path), { method: "POST", body });
		return `${response.status} ${await response.text()}`;
	};
	t.regex(await post("garbage\n"), /^400 this is no line of a batch/);
	t.regex(await post("a\tb\tc"), /^400 the last line does not end/);
	t.regex(await post(""), /^400 no entries/);
	t.regex(await post("e\tYQ==\tYQ==\n".repeat(257)), /^400 257 entries at once/);
	t.regex(await post("{}\tYQ==\tYQ==\n"), /^200 \{"outcomes":\[\{"kind":"Refused"/);
	t.regex(await post(new Uint8Array(20_000_000)), /^413 a body of more than 15616000 bytes/);
	t.regex(await post("x", "/kube-audit"), /^404 no audit events are taken here/);
	t.regex(await post("x", "/states"), /^405 /);
	t.is((await trail.get("/entries")).status, 405);
	t.regex((await trail.get("/other")).text, /try one of \/entries/);
	// One that does not say how much it is going to send is cut off there, too
	const cut = await new Promise<number | undefined>((resolve, reject) => {
		trail.url("/entries").then((url) => {
			const call = request(url, { method: "POST" }, (response) => resolve(response.statusCode));
			call.on("error", reject);
			const more = () => {
				for (const _ of upTo(8)) if (!call.destroyed) call.write(Buffer.alloc(2 ** 20, "a"));
				if (!call.destroyed && !call.closed) setTimeout(more, 20);
			};
			more();
			t.teardown(() => call.destroy());
		}, reject);
	});
	t.is(cut, 413);
	t.is(await trail.metric('tradingsafety_trail_waiting_bytes{path="/entries"}'), 0);
	// And one that says nothing is let go
	const port = await trail.port();
	const idle = connect(port, "127.0.0.1");
	t.teardown(() => idle.destroy());
	idle.resume();
	idle.write("POST /entries HTTP/1.1\r\nhost: a\r\n");
	await new Promise((resolve) => idle.once("close", resolve));
	t.deepEqual(await trail.get("/readyz"), { status: 200, text: "ok\n" });
});

test("over TLS all is as without it, and audit events are taken from who shows the token alone", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const authority = await createAuthority("authority of the trail");
	const server = { commonName: "trail", ipAddresses: ["127.0.0.1"], usage: "Server" } as const;
	const { certificate, key } = await issueCertificate(authority, server);
	const token = "0123456789abcdef";
	for (const [name, text] of Object.entries({ "tls.pem": certificate, "tls.key": key, token })) {
		writeFileSync(place.path(name), text);
	}
	const trail = await place.trail("trail-0", [
		...["--tls-cert", place.path("tls.pem"), "--tls-key", place.path("tls.key")],
		...["--kube-audit-token", place.path("token")],
	]);
	const port = await trail.port();
	const ask = (method: string, path: string, authorization?: string, body = "") =>
		new Promise<string>((resolve, reject) => {
			const headers = authorization === undefined ? {} : { authorization };
			const options = { ca: authority.certificate, port, host: "127.0.0.1", method, path, headers };
			const call = secureRequest(options, (response) => {
				text(response).then((said) => resolve(`${response.statusCode} ${said}`), reject);
			});
			call.on("error", reject);
			call.end(body);
		});
	t.is(await ask("GET", "/readyz"), "200 ok\n");
	t.regex(await ask("POST", "/entries", undefined, "garbage\n"), /^400 /);
	for (const wrong of ["Bearer wrong", `Basic ${token}`, `Bearer ${token}x`, undefined]) {
		t.regex(await ask("POST", "/kube-audit", wrong, "{}"), /^401 /);
	}
	t.regex(await ask("POST", "/kube-audit", `Bearer ${token}`, "{}"), /^400 this is no EventList/);
	const list = JSON.stringify({ kind: "EventList", apiVersion: "audit.k8s.io/v1", items: [] });
	t.is(await ask("POST", "/kube-audit", `Bearer ${token}`, list), "200 recorded\n");
	await t.throwsAsync(fetch(`http://127.0.0.1:${port}/readyz`));
});

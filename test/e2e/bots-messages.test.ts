import test from "ava";
import { operatorNamespace, permitKeySecret, raiseKeySecret } from "../../crds/roles.ts";
import { wallNow } from "../../dev/venue/clock.ts";
import { pathOf } from "../../kube/paths.ts";
import type { Acknowledgement } from "../../permits/acknowledgement.ts";
import { decodePermit } from "../../permits/decode.ts";
import { generateKeys, readPrivateKey } from "../../permits/keys.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import { encodePermit, type Permit } from "../../permits/permit.ts";
import { signBody } from "../../permits/signature.ts";
import { until } from "../support/until.ts";
import { post, standBetween } from "./between.ts";
import { allowedMilliseconds, openTrading, rowOf, type TradingDesk } from "./trading-desk.ts";

const shiftedClock = new URL("../operator/shifted-clock.ts", import.meta.url).href;
const tenMinutes = 1 / 6;

/** The private keys of the operators of the cluster. */
async function privateKeys({ desk }: TradingDesk, name: string) {
	const path = pathOf({ group: "", version: "v1", resource: "secrets", namespace: operatorNamespace, name });
	const { data } = await desk.admin.get<{ readonly data: Readonly<Record<string, string>> }>(path);
	return Object.values(data).map((base64) => readPrivateKey(Buffer.from(base64, "base64").toString()));
}

test.serial(
	"clocks that are ten minutes apart: bots are told, halted, told to flatten, and trade again",
	async (t) => {
		t.timeout(300_000);
		// Given a replica ten minutes ahead, a replica that is right, and bots whose clocks are behind, ahead and right
		const hours = [-tenMinutes, tenMinutes, 0];
		const trading = await openTrading(t, {
			replicas: [{ clockHours: tenMinutes }, {}],
			via: (program) => {
				if (program === "venue") return [];
				const shift = `TRADINGSAFETY_TEST_CLOCK_HOURS=${hours[program]}`;
				return ["env", shift, `NODE_OPTIONS=--import=${shiftedClock}`];
			},
		});
		const { desk } = trading;
		const pods = await trading.running();
		const apart = await Promise.all(
			trading.bots.map(async (bot) => Date.parse((await trading.positions(bot)).asOf) - Date.now()),
		);
		t.deepEqual(
			apart.map((milliseconds) => Math.round(milliseconds / 60_000) + 0),
			[-10, 10, 0],
		);
		// When it is raised, then the venue takes no risk any more, and each bot has acknowledged
		await desk.patch({ mode: "Pause" });
		const paused = wallNow() + allowedMilliseconds;
		await desk.confirmed("Pause");
		t.deepEqual(await trading.during(paused, 3_000), []);
		// When it is lowered, then all of them trade
		await desk.lower("Normal");
		await trading.flowing();
		// When it is raised to Emergency by one whose clock nobody asks, then everything is flat and nothing rests
		await desk.patch({ mode: "Emergency" });
		const halted = wallNow() + allowedMilliseconds;
		for (const { account } of trading.bots) {
			await until(`${account} is flat`, async () => {
				const path = `/judge?account=${account}`;
				const found = await trading.ask<{ positions: object; restingOrders: number }>(path);
				return found.restingOrders === 0 && Object.keys(found.positions).length === 0;
			});
		}
		t.deepEqual(await trading.during(halted, 1_000), []);
		t.deepEqual(await trading.running(), pods);
	},
);

test.serial("replayed, held back, forged, old and truncated permits open nothing in a halt", async (t) => {
	t.timeout(300_000);
	// Given a desk that trades, everything that the operator said to its bots, and a permit of each that never arrived
	const between = standBetween(t);
	const trading = await openTrading(t, { places: between.places });
	const { desk, bots } = trading;
	between.holdOne();
	await until("a permit with an unused challenge was held back from each bot", () => {
		const held = between.caught.filter((one) => one.held && one.body.includes('"challenge"'));
		if (new Set(held.map(({ bot }) => bot)).size === bots.length) return true;
		if (between.caught.filter((one) => one.held).length >= bots.length) between.holdOne();
		return false;
	});
	const isGrant = ({ body }: { readonly body: string }) => decodePermit(body).permissions.open;
	await until("several grants of each bot were caught", () =>
		bots.every((_, index) => between.caught.filter((one) => one.bot === index && isGrant(one)).length > 2),
	);
	const before = [...between.caught];
	// When it is halted
	await desk.patch({ mode: "Pause" });
	const paused = wallNow() + allowedMilliseconds;
	await desk.confirmed("Pause");
	const [permitKeys, raiseKeys] = [
		await privateKeys(trading, permitKeySecret),
		await privateKeys(trading, raiseKeySecret),
	];
	const { metadata } = await desk.get();
	const challengeOf = (answer: string) => (JSON.parse(answer) as Acknowledgement).challenge;
	const statuses = new Map<string, Set<number>>();
	const note = (kind: string, status: number) =>
		statuses.set(kind, (statuses.get(kind) ?? new Set()).add(status));
	const open: Omit<Permit, "challenge"> = {
		version: 1,
		kind: "Permit",
		desk: { namespace: desk.namespace, uid: metadata.uid, generation: metadata.generation ?? 0 },
		target: "bots",
		mode: "Normal",
		permissions: permissionsOf("Normal"),
		duties: {},
		reason: "",
		ttlMilliseconds: 60_000,
	};
	for (const [index, { ports }] of bots.entries()) {
		const port = ports.permit ?? 0;
		const own = before.filter(({ bot }) => bot === index);
		// Then what was held back, and then everything again, word for word, is taken and gives nothing
		let challenge = "";
		for (const { body, headers } of [...own.filter(({ held }) => held), ...own]) {
			const { status, text } = await post(port, body, headers);
			note("replayed", status);
			t.false((JSON.parse(text) as Acknowledgement).permissions.open);
			challenge = challengeOf(text);
		}
		// And those of other bots
		for (const { body, headers } of before.filter((one) => one.bot !== index && isGrant(one)).slice(-5)) {
			const { status, text } = await post(port, body, headers);
			note("replayed", status);
			challenge = challengeOf(text);
		}
		// And what is signed with a key that nobody knows, with the raise key, or by the operator for an older epoch
		const send = async (kind: string, permit: object, keys: Parameters<typeof signBody>[2]) => {
			const body = encodePermit({ ...open, ...permit, challenge });
			const { status, text } = await post(
				port,
				body,
				signBody(body, { id: `msg_${crypto.randomUUID()}`, sentAt: Date.now() }, keys),
			);
			note(kind, status);
			if (status === 200) challenge = challengeOf(text);
		};
		await send("forged", {}, [readPrivateKey(generateKeys().privateKey)]);
		await send("raise key", {}, raiseKeys);
		await send("raise key", { kind: "Raise" }, raiseKeys);
		await send("old", { desk: { ...open.desk, generation: open.desk.generation - 1 } }, permitKeys);
		await send("foreign", { desk: { ...open.desk, uid: crypto.randomUUID(), generation: 99 } }, permitKeys);
		// And what was cut short or changed on its way
		const last = own.findLast(isGrant);
		if (last === undefined) throw new Error("there is a grant");
		for (const length of [0, 1, Math.floor(last.body.length / 2), last.body.length - 1]) {
			note("truncated", (await post(port, last.body.slice(0, length), last.headers)).status);
		}
		const signature = String(last.headers["webhook-signature"]);
		const cut = { ...last.headers, "webhook-signature": signature.slice(0, -4) };
		note("truncated", (await post(port, last.body, cut)).status);
		const now = { ...last.headers, "webhook-timestamp": String(Math.floor(Date.now() / 1_000) + 5) };
		note("changed", (await post(port, last.body, now)).status);
		const later = last.body.replace(/"generation":\d+/, `"generation":${open.desk.generation + 1}`);
		note("changed", (await post(port, later, last.headers)).status);
	}
	t.deepEqual(Object.fromEntries([...statuses].map(([kind, found]) => [kind, [...found].join()])), {
		replayed: "200",
		forged: "401",
		"raise key": "200",
		old: "200",
		foreign: "200",
		truncated: "401",
		changed: "401",
	});
	// Then the venue has seen no risk since the halt, and sees none later
	t.deepEqual(await trading.during(wallNow(), 1_500), []);
	t.deepEqual(trading.risky(paused), []);
	await desk.confirmed("Pause");
	// When it is lowered, then they trade: nothing of that lasts
	await desk.lower("Normal");
	await trading.flowing();
});

test.serial(
	"an answer that is late, or of another epoch, acknowledges nothing, and status names whose it is",
	async (t) => {
		t.timeout(300_000);
		// Given bots that are only reported when they do not answer, and one that is stopped then
		const between = standBetween(t);
		const pods = { bots: 3, strict: 1 };
		const trading = await openTrading(t, {
			pods,
			signal: {
				bots: { onNoAck: "Report", ackMilliseconds: 250 },
				strict: { onNoAck: "Stop", ackMilliseconds: 250 },
			},
			places: between.places,
		});
		const { desk, bots } = trading;
		const [late, other, good, strict] = bots.map(({ pod }) => pod);
		// When the answers of one are late, those of another are of another epoch, and it is halted
		const delayed = async (deliver: () => Promise<string>) => {
			const answer = await deliver();
			await new Promise((resolve) => setTimeout(resolve, 1_500));
			return answer;
		};
		const foreign = async (deliver: () => Promise<string>) => {
			const answer = JSON.parse(await deliver()) as Acknowledgement;
			return JSON.stringify({
				...answer,
				epoch: { ...answer.epoch, generation: answer.epoch.generation - 1 },
			});
		};
		between.become(0, delayed);
		between.become(1, foreign);
		between.become(3, foreign);
		await desk.patch({ mode: "Pause" });
		const paused = wallNow() + allowedMilliseconds;
		// Then the halt is not confirmed, and status names both of them and not the third
		await until("status names who did not acknowledge", async () => {
			const { status, metadata } = await desk.get();
			const available = status?.conditions?.find(({ type }) => type === "SignalAvailable");
			const hold = status?.holds?.some(({ name }) => name === "NotAcknowledged/bots");
			const message = available?.message ?? "";
			const isThis = available?.observedGeneration === metadata.generation && available?.status === "False";
			const areNamed = [late, other].every((pod) => message.includes(pod ?? "?"));
			if (isThis && hold && areNamed && !message.includes(good ?? "?")) return true;
			throw new Error(JSON.stringify([status?.conditions, status?.holds]));
		});
		// And the one whose target asks for that is stopped
		await until("it is stopped", async () =>
			(await desk.pods("strict")).every(({ metadata }) => metadata.name !== strict),
		);
		// And it is still said of the others, with what came instead of a good answer
		await until("status says what came", async () => {
			const { message = "" } = (await desk.condition("SignalAvailable")) ?? {};
			const lateIsNamed = message.includes(`${late} (no answer in time: `);
			if (lateIsNamed && message.includes(`${other} (it answers of another epoch, `)) return true;
			throw new Error(message);
		});
		t.is((await desk.pods("bots")).length, 3);
		t.deepEqual(await trading.during(paused, 3_000), []);
		const confirmed = await desk.condition("Confirmed");
		t.is(confirmed?.status, "False");
		t.regex(confirmed?.message ?? "", /bots/);
		// When their answers are good again, then they have acknowledged
		between.become(0, (deliver) => deliver());
		between.become(1, (deliver) => deliver());
		await until("nobody of them is named any more", async () => {
			const row = rowOf((await desk.get()).status?.targets, "bots");
			return row !== undefined && (row.unconfirmedCount ?? 0) === 0;
		});
		t.deepEqual(trading.risky(paused), []);
	},
);

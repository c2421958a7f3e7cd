import test from "ava";
import { until } from "../support/until.ts";
import { happening, Place } from "./trails.ts";

const time = { timeoutMilliseconds: 60_000 };

test("what a writer hands over is in the store, and an auditor finds it good", async (t) => {
	t.timeout(180_000);
	const place = await Place.open(t);
	const trail = await place.trail();
	const { writer, errors } = await place.writer("operator-0", await trail.url());
	const ticket = writer.record(happening);
	await until("it is stored", () => writer.isStored(ticket), time);
	t.deepEqual(errors, []);
	const states = JSON.parse((await trail.get("/states")).text);
	t.like(states, { isComplete: true, isCurrent: true });
	t.like(states.states, [{ entity: happening.entity, after: happening.after }]);
	t.regex((await trail.get("/checkpoint")).text, /^trail\.example\n\d+\n/);
	t.like(await trail.get("/readyz"), { status: 200, text: "ok\n" });
	t.is(await trail.metric('tradingsafety_trail_entries_total{kind="Transition"}'), 1);
	t.is(await trail.end(), 0);
	const good = await place.verify();
	t.is(good.code, 0, good.out + good.err);
	t.log(good.out, trail.text);
});

import test from "ava";
import { recordsPath } from "../../operator/resources.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";

const targets = [target("bots", "Bot")];
const minute = 60_000;

/** Every time in an object that is more than ten minutes away from now, by its path. */
function farTimes(value: unknown, path = ""): readonly string[] {
	if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) {
		return Math.abs(Date.parse(value) - Date.now()) > 10 * minute ? [`${path}: ${value}`] : [];
	}
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, child]) => farTimes(child, `${path}.${key}`));
}

for (const clockHours of [1, -1]) {
	test(`a leader whose clock is ${clockHours} h off clears no sooner, and writes no wrong time`, async (t) => {
		t.timeout(300_000);
		// Given a desk with a cooldown, a leader whose clock is off, and another replica
		const cooldownSeconds = 20;
		const desk = await TestDesk.create(t);
		await desk.run({ name: "bots", replicas: 2 });
		const off = await startReplica(t, desk, { clockHours });
		await until("it leads", () => off.leads);
		const right = await startReplica(t, desk);
		await right.port();
		await desk.govern({ targets, reset: { cooldownSeconds } });
		await desk.confirmed("Pause");
		await until("it says so", () => off.log.some(({ msg }) => String(msg).includes("clock is off")));
		// When it is raised
		const raisedAt = performance.now();
		await desk.patch({ mode: "Emergency" });
		const { status } = await desk.confirmed("Emergency");
		// Then it is held for as long as it should be, and not much longer
		await until("the cooldown holds", async () =>
			(await desk.get()).status?.holds?.some(({ name }) => name === "Cooldown"),
		);
		await desk.cleared();
		const waited = performance.now() - raisedAt;
		t.true(waited > (cooldownSeconds - 2) * 1_000, `cleared after ${waited} ms`);
		// Then no time in status is wrong
		t.deepEqual(farTimes(status), []);
		t.deepEqual(farTimes((await desk.get()).status), []);
		// When a record is deleted, then it is listed and not guessed
		await desk.admin.delete(recordsPath(desk.namespace, (await desk.records())[0]?.metadata.name));
		await until("it is listed", async () =>
			(await desk.get()).status?.notRestored?.some(({ reason }) => reason.startsWith("NoRecord")),
		);
		t.deepEqual(await desk.recorded(), []);
		// When a workload is made in the halt, then it is new and recorded
		await desk.apply({ name: "more", replicas: 0, labels: { app: "bots", more: "true" } });
		await until("it is recorded", async () => (await desk.recorded()).join() === "more=0");
		// When that replica dies, then the status stays young by the other
		await off.end("SIGKILL");
		const { observedAt } = (await desk.get()).status ?? {};
		await until(
			"the other writes",
			async () => {
				const now = (await desk.get()).status?.observedAt;
				return Date.parse(now ?? "") > Date.parse(observedAt ?? "");
			},
			{ timeoutMilliseconds: 60_000 },
		);
	});
}

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { Entry } from "../../audit/entry.ts";
import { isKubeError } from "../../kube/error.ts";
import { until } from "../support/until.ts";
import { people } from "./people.ts";
import { about, reason, recorded, word } from "./recorded.ts";

test.serial(
	"what happens to a desk is in the record: who, why, each stage, by two witnesses, and nothing is missing",
	async (t) => {
		// Given a desk in Normal, with two replicas that keep a record
		const { desk, trail, judged } = await recorded(t, { replicas: 2 });
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		// When a person raises it, and it is lowered when it was cleared
		const { raiser } = await people(t, desk);
		await desk.patch({ mode: "Emergency", setBy: raiser.name, reason: "prices are wrong" }, raiser.client);
		const halted = await desk.confirmed("Emergency");
		await desk.lower("Pause", "prices are right again");
		const lowered = await desk.confirmed("Pause");
		// Then the record tells of all of it
		const wanted = [
			"Transition Fenced",
			"Transition Told",
			"Transition Enforced",
			"Transition Confirmed",
			"Reset Cleared",
			"Intervention Lower",
		];
		const found = await until("the record has every stage", () => {
			const entries = about(trail, desk);
			const raise = entries.find(({ action, actor }) => action === "Raise" && actor.name === raiser.name);
			// What another witness tells late of the generation before is none of it.
			const isLater = ({ after, metadata }: Entry) =>
				Number(metadata?.generation ?? after?.generation ?? 0) >= (halted.metadata.generation ?? 0);
			const after = raise === undefined ? [] : entries.slice(entries.indexOf(raise)).filter(isLater);
			return wanted.every((one) => after.map(word).includes(one)) ? { raise, after } : undefined;
		});
		t.like(found.raise, {
			kind: "Intervention",
			justification: "prices are wrong",
			before: { values: { mode: "Normal" } },
			after: { generation: halted.metadata.generation, values: { mode: "Emergency" } },
		});
		const lowering = found.after.find(({ action }) => action === "Lower");
		t.is(lowering?.justification, "prices are right again");
		t.is(lowering?.after?.generation, lowered.metadata.generation);
		const confirmed = found.after.find(({ action }) => action === "Confirmed");
		t.is(confirmed?.metadata?.at, halted.status?.lastTransition?.confirmedAt);
		// Then the raise has two witnesses, who call it the same
		await until("both replicas have told of the raise", () => {
			const told = about(trail, desk).filter(({ id }) => id === found.raise?.id);
			return new Set(told.map(({ writer }) => writer.id)).size === 2;
		});
		// Then nothing is wrong with it, and status says that all of it is stored
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		const { findings, size } = await judged();
		t.deepEqual(findings, []);
		t.true(size > wanted.length);
	},
);

test.serial(
	"a trail that hangs delays no halt; lowering waits for it, and goes on when it is back",
	async (t) => {
		// Given a desk in Normal, and a trail that accepts connections and answers nothing
		const { desk, trail, judged } = await recorded(t);
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		trail.mood = "Hangs";
		trail.cut();
		// When it is raised
		await desk.patch({ mode: "Emergency" });
		// Then the halt is confirmed all the same, and only the way down is held
		await desk.confirmed("Emergency");
		const holds = await until("the hold is there, and alone", async () => {
			const names = (await desk.get()).status?.holds?.map(({ name }) => name) ?? [];
			return names.length === 1 ? names : undefined;
		});
		t.deepEqual(holds, ["AuditBehind"]);
		await until("status says that the record is behind", async () => (await reason(desk)) === "Behind");
		const { raiser, requester: resetter } = await people(t, desk);
		const lowering = { mode: "Pause", reason: "all is well", setBy: resetter.name };
		const refused = await t.throwsAsync(desk.patch(lowering, resetter.client));
		t.true(isKubeError(refused, "FORBIDDEN", "INVALID"), String(refused));
		// When it is raised once more, in Emergency, and the trail is back
		await desk.patch(
			{ trip: { id: "again", type: "Manual", source: "x" }, reason: "again", setBy: raiser.name },
			raiser.client,
		);
		trail.mood = "Takes";
		trail.cut();
		// Then it can be lowered, and the record has all of it
		await desk.lower("Pause");
		await desk.confirmed("Pause");
		await until("the trip is recorded", () =>
			about(trail, desk).some(({ action }) => action === "TrippedAgain"),
		);
		t.deepEqual((await judged()).findings, []);
	},
);

test.serial(
	"with requireAudit: Spool a second person may stand in for a store that is away, and that is an exception",
	async (t) => {
		// Given a halted desk whose trail refuses
		const { desk, trail } = await recorded(t, { spec: { reset: { requireAudit: "Spool" } } });
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		trail.mood = "Refuses";
		trail.cut();
		await desk.patch({ mode: "Emergency" });
		await desk.confirmed("Emergency");
		await until("status says that the record is behind", async () => (await reason(desk)) === "Behind");
		const { requester: resetter, approver } = await people(t, desk);
		// When one person asks and acknowledges the hold
		const request = {
			fromMode: "Emergency",
			toMode: "Pause",
			tripId: "",
			reason: "all flat",
			requestedBy: resetter.name,
		};
		await desk.patch({ resetRequest: { ...request, acknowledgedHolds: ["AuditBehind"] } }, resetter.client);
		const hold = await until("the hold tells what is missing", async () =>
			(await desk.get()).status?.holds?.find(({ message }) => message.includes("1 approvals")),
		);
		t.is(hold.name, "AuditBehind");
		t.not((await desk.get()).status?.clearance?.generation, (await desk.get()).metadata.generation);
		// When another one approves
		await desk.patch({ resetRequest: { approvals: { [approver.name]: {} } } }, approver.client);
		await desk.cleared();
		await desk.patch(
			{ mode: "Pause", reason: "all flat", resetRequest: null, setBy: resetter.name },
			resetter.client,
		);
		await desk.confirmed("Pause");
		// Then the record, once it is taken, has the exception and who approved
		trail.mood = "Takes";
		await until("the exception is recorded", () => {
			const words = about(trail, desk).map(word);
			return words.includes("Exception ClearedUnrecorded") && words.includes("Reset Approved");
		});
	},
);

test.serial(
	"a disk that fails delays no halt, is told of, and what happened meanwhile is recorded when it works again",
	async (t) => {
		// Given a desk with a replica whose spool is where there can be no folder
		const { desk, trail, start, folder, replicas, judged } = await recorded(t);
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await replicas[0]?.end();
		writeFileSync(join(folder, "file"), "");
		const replica = await start("other", join(folder, "file", "spool"));
		await until("status says that nothing is recorded", async () => (await reason(desk)) === "NotRecorded");
		// When the desk is raised
		await desk.patch({ mode: "Emergency" });
		// Then the halt is confirmed, the log and the metrics shout, and the way down is held
		await desk.confirmed("Emergency");
		t.true(
			replica.log.some(({ msg, level }) => msg === "what happened is not recorded" && Number(level) >= 50),
		);
		t.true(((await replica.metric('tradingsafety_errors_total{where="record-disk"}')) ?? 0) > 0);
		await until("the hold is there", async () =>
			(await desk.get()).status?.holds?.some(({ name }) => name === "AuditBehind"),
		);
		// When the disk works again
		rmSync(join(folder, "file"));
		mkdirSync(join(folder, "file"));
		// Then what happened is recorded with its time, and the way down is open
		await desk.cleared();
		t.true(
			about(trail, desk).some(
				({ action, after }) => action === "Raise" && after?.values?.mode === "Emergency",
			),
		);
		t.deepEqual((await judged()).findings, []);
	},
);

test.serial("what a replica had recorded when it was killed is in the store when it is back", async (t) => {
	// Given a raise that is on the disk of a replica and not in the store
	const { desk, trail, start, replicas, judged } = await recorded(t);
	await until("all is stored", async () => (await reason(desk)) === "Stored");
	trail.mood = "Hangs";
	trail.cut();
	await desk.patch({ mode: "Emergency", reason: "just before the end" });
	await desk.confirmed("Emergency");
	// When the replica is killed and started again, and the trail answers
	await replicas[0]?.end("SIGKILL");
	trail.mood = "Takes";
	trail.cut();
	await start("replica-0");
	// Then the record has the raise, and no gap
	await until("the raise is recorded", () =>
		about(trail, desk).some(({ justification }) => justification === "just before the end"),
	);
	await until(
		"its second life is recorded",
		() => trail.entries().filter(({ kind }) => kind === "Started").length === 2,
	);
	t.deepEqual((await judged()).findings, []);
});

test.serial(
	"a replica that lost all it remembered learns from the trail that history went back",
	async (t) => {
		// Given a desk in Normal, of which the trail knows a later Emergency
		const { desk, trail, start, replicas } = await recorded(t);
		await desk.lower("Normal");
		const { metadata } = await desk.confirmed("Normal");
		await replicas[0]?.end();
		trail.states = [
			{
				entity: { type: "TradingSafety", id: `${desk.namespace}/desk`, uid: metadata.uid },
				time: new Date().toISOString(),
				after: {
					generation: (metadata.generation ?? 0) + 5,
					resourceVersion: String(Number(metadata.resourceVersion) + 1_000),
					values: { mode: "Emergency", freeze: "false", enforcement: "Enforce" },
				},
			},
		];
		// When a replica starts that remembers nothing
		await start("fresh");
		// Then the desk is raised to what the trail knows, and the hold stands
		const raised = await desk.confirmed("Emergency");
		t.is(raised.spec.trip?.type, "HistoryRegressed");
		await until("the hold stands", async () =>
			(await desk.get()).status?.holds?.some(({ name }) => name === "HistoryRegressed"),
		);
	},
);

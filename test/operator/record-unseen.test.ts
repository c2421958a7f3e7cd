import test from "ava";
import { until } from "../support/until.ts";
import { administrator } from "./desk.ts";
import { people } from "./people.ts";
import { about, reason, recorded, word } from "./recorded.ts";

test.serial(
	"what people did while no replica ran is recorded as what it was, once, and nothing false beside it",
	async (t) => {
		// Given a halt that is in the record, and whose only replica ended
		const { desk, trail, start, replicas } = await recorded(t);
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await desk.patch({ mode: "Emergency", reason: "prices", setBy: administrator });
		const halted = await desk.confirmed("Emergency");
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		await replicas[0]?.end();
		const { length } = about(trail, desk);
		// When somebody lowers it with override and configures, and a replica starts
		await desk.patch({ mode: "Pause", reason: "no time", setBy: administrator });
		await desk.patch({ reset: { cooldownSeconds: 0 } });
		const second = await start("replica-0");
		const later = () => about(trail, desk).slice(length);
		const lowered = await until("it is recorded", () => later().find(({ kind }) => kind === "Override"));
		// Then the record has who, why, both states, and that there was more
		t.like(lowered, {
			...{ action: "LowerUncleared", actor: { name: administrator }, justification: "no time" },
			before: { generation: halted.metadata.generation, values: { mode: "Emergency" } },
			after: { values: { mode: "Pause" } },
			metadata: { unseenGenerations: "1" },
		});
		// When it ends, a person raises, and a replica starts
		await desk.confirmed("Pause");
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		await second.end();
		const { raiser } = await people(t, desk);
		const trip = { id: "t-1", source: "phone", type: "Manual" };
		await desk.patch({ mode: "Emergency", reason: "crash", setBy: raiser.name, trip }, raiser.client);
		const third = await start("replica-0");
		const raised = await until("it is recorded", () => later().find(({ action }) => action === "Raise"));
		t.like(raised, {
			...{ kind: "Intervention", actor: { name: raiser.name, via: "phone" }, justification: "crash" },
			before: { values: { mode: "Pause" } },
			metadata: { tripId: "t-1", tripType: "Manual", unseenGenerations: "0" },
		});
		// When it starts once more, and nothing has changed
		await desk.confirmed("Emergency");
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		await third.end();
		const told = later().length;
		await start("replica-0");
		await until("it tells what it sees", () =>
			later()
				.slice(told)
				.some(({ action }) => action === "Observed"),
		);
		await until("all is stored", async () => (await reason(desk)) === "Stored");
		// Then no intervention was added, and no start said that no record is kept
		const kinds = ["Intervention", "Override", "Trip"];
		t.deepEqual(
			later()
				.filter(({ kind }) => kinds.includes(kind))
				.map(word),
			["Override LowerUncleared", "Intervention Raise"],
		);
		t.deepEqual(
			later().filter(({ kind, action }) => kind === "Exception" && action.startsWith("Audit")),
			[],
		);
	},
);

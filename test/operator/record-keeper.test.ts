import test, { type ExecutionContext } from "ava";
import type { Happening } from "../../audit/recorder.ts";
import type { WriterState } from "../../audit/writer.ts";
import { auditCurrent, recordHolds } from "../../core/recording.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { Context } from "../../operator/context.ts";
import { RecordKeeper, type RecordWriter } from "../../operator/controllers/record.ts";
import { DeskState } from "../../operator/desk-state.ts";
import { Memory } from "../../operator/memory.ts";
import { createMetrics } from "../../operator/metrics.ts";
import type { NamespaceView } from "../../operator/namespace-view.ts";
import { deskOf } from "../core/desk.ts";
import { until } from "../support/until.ts";

const now = "2026-01-01T00:00:10.000Z";
const clock = { now: () => now };

/** A writer whose memory can be full, and whose disk and store take what a test says. */
class PlayedWriter implements RecordWriter {
	readonly taken: Happening[] = [];
	isFull = false;
	/** The last ticket on the disk, and in the store. */
	disk = Number.MAX_SAFE_INTEGER;
	store = Number.MAX_SAFE_INTEGER;
	lastTicket = 0;
	/** How often it was asked how it stands. */
	looks = 0;

	start(): void {}
	async stop(): Promise<void> {}

	record(happening: Happening): number {
		this.lastTicket += 1;
		if (this.isFull) return Number.POSITIVE_INFINITY;
		this.taken.push(happening);
		return this.lastTicket;
	}

	isOnDisk(ticket: number): boolean {
		return ticket <= this.disk;
	}

	isStored(ticket: number): boolean {
		return ticket <= this.store;
	}

	state(): WriterState {
		this.looks += 1;
		const isCurrent = this.lastTicket <= this.store;
		return isCurrent
			? { kind: "Current" }
			: { kind: "Behind", entries: 1, milliseconds: 10_000, why: "the store is away" };
	}

	/** What was recorded, in words. */
	get words(): readonly string[] {
		return this.taken.map(({ kind, action }) => `${kind} ${action}`);
	}
}

function version(
	spec: TradingSafetySpec,
	generation: number,
	resourceVersion = generation * 100,
	status?: TradingSafetyStatus,
): TradingSafety {
	const desk = deskOf(spec, status, generation);
	return { ...desk, metadata: { ...desk.metadata, resourceVersion: String(resourceVersion) } };
}

/** A replica that keeps the record of one desk. */
function keeping(t: ExecutionContext, object: TradingSafety, isLeader = true) {
	const writer = new PlayedWriter();
	const found: (typeof desk.record)[] = [];
	const context = {
		...{ identity: "replica-0", clock, metrics: createMetrics() },
		elector: { isLeader: () => isLeader },
	} as unknown as Context;
	const keeper = new RecordKeeper(context, writer, ({ record }) => found.push(record));
	const desk: DeskState = new DeskState(object, {
		view: { relistStopped: () => {} } as unknown as NamespaceView,
		...{ memory: new Memory(clock), clock },
		onMoved: (moved) => keeper.look(moved),
		onWentBack: () => {},
	});
	t.teardown(() => keeper.stop());
	return { writer, keeper, desk, found };
}

test("how the record stands is known from the first look on, so that status never says that none is kept", (t) => {
	for (const isLeader of [true, false]) {
		// Given a desk whose status said a moment ago that all is stored
		const said = { ...auditCurrent(deskOf({}), { kind: "Current", isStored: true, isOnDisk: true }, now) };
		const status = {
			record: { at: now, state: "Current" as const, generation: 7 },
			conditions: [{ ...said, lastTransitionTime: now }],
		};
		const { keeper, desk } = keeping(t, version({ mode: "Pause" }, 7, 700, status), isLeader);
		// When it is looked at first
		keeper.look(desk);
		// Then status goes on saying so
		t.is(desk.record?.kind, isLeader ? "Current" : "Elsewhere");
		t.like(auditCurrent(desk.object, desk.record, now), { status: "True", reason: "Stored" });
	}
});

test("a raise that the writer could not take is owed: the way down waits until it is in the store", async (t) => {
	// Given a desk in Normal, and a writer that can take no more
	const { writer, keeper, desk } = keeping(t, version({ mode: "Normal" }, 7));
	keeper.start();
	keeper.look(desk);
	writer.isFull = true;
	writer.disk = 0;
	writer.store = 0;
	// When it is raised
	desk.accept(version({ mode: "Emergency", setBy: "rita", reason: "prices" }, 8));
	// Then that is held
	const holds = () => recordHolds(desk.object, desk.record).map(({ name }) => name);
	t.deepEqual(holds(), ["AuditBehind"]);
	// When everything that was taken is stored, and later things are as well
	writer.isFull = false;
	writer.disk = writer.lastTicket - 1;
	writer.store = Number.MAX_SAFE_INTEGER;
	desk.accept(version({ mode: "Emergency", setBy: "rita", reason: "prices", trip: { id: "2" } }, 9));
	const { looks } = writer;
	await until("it was looked at", () => writer.looks > looks + 2);
	// Then it is held all the same, since the raise is nowhere
	t.false(writer.words.includes("Intervention Raise"));
	t.deepEqual(holds(), ["AuditBehind"]);
	// When the disk has all that waits
	writer.disk = Number.MAX_SAFE_INTEGER;
	// Then the raise is recorded, and says that it is late; stored, the hold goes
	await until("the hold is gone", () => holds().length === 0);
	const raises = writer.taken.filter(({ action }) => action === "Raise");
	t.is(raises.length, 1);
	t.like(raises[0], {
		...{ kind: "Intervention", actor: { name: "rita" }, justification: "prices", after: { generation: 8 } },
		metadata: { recordedLate: "true", seenAt: now },
	});
});

test("what is owed of a desk has a bound: the first and the last of it are kept", async (t) => {
	const { writer, keeper, desk } = keeping(t, version({ mode: "Emergency", trip: { id: "0" } }, 7));
	keeper.start();
	keeper.look(desk);
	writer.isFull = true;
	for (let at = 1; at <= 200; at += 1) {
		desk.accept(version({ mode: "Emergency", trip: { id: String(at) } }, 7 + at));
	}
	writer.isFull = false;
	await until("it is recorded", () => writer.taken.length > 1);
	const trips = writer.taken.slice(1).map(({ metadata }) => metadata?.tripId);
	t.is(trips.length, 64);
	t.deepEqual([trips[0], trips.at(-2), trips.at(-1)], ["1", "63", "200"]);
});

test("what is in memory alone is said to be so, and is not left to the spool", async (t) => {
	const { writer, keeper, desk } = keeping(t, version({ mode: "Normal" }, 7));
	keeper.look(desk);
	writer.disk = writer.lastTicket;
	writer.store = writer.lastTicket;
	desk.accept(version({ mode: "Emergency" }, 8));
	t.like(desk.record, { kind: "Behind", isStored: false, isOnDisk: false });
	writer.disk = writer.lastTicket;
	keeper.start();
	await until("it is on the disk", () => desk.record?.kind === "Behind" && desk.record.isOnDisk);
	t.like(desk.record, { isStored: false });
});

test("a status that this replica wrote itself is recorded without waiting for a watch, and at the end", async (t) => {
	// Given a desk that is being raised
	const transition = { generation: 7, from: "Normal", to: "Emergency", observedAt: now };
	const status = { observedGeneration: 7, observedAt: now, lastTransition: transition };
	const spec = { mode: "Emergency" } as const;
	const { writer, keeper, desk } = keeping(t, version(spec, 7, 700, status));
	keeper.look(desk);
	// When it writes that a stage is reached, and nothing else happens
	const told = { ...status, lastTransition: { ...transition, toldAt: now } };
	desk.accept(version(spec, 7, 701, told));
	keeper.start();
	// Then the stage is recorded
	await until("it is recorded", () => writer.words.includes("Transition Told"));
	// When another one is reached right before the end, then that is as well
	desk.accept(
		version(spec, 7, 702, { ...told, lastTransition: { ...told.lastTransition, confirmedAt: now } }),
	);
	await keeper.stop();
	t.deepEqual(writer.words, ["Transition Observed", "Transition Told", "Transition Confirmed"]);
});

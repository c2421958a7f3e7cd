import test, { type ExecutionContext } from "ava";
import { type EventRecord, EventRecorder, type EventRecorderOptions } from "../../kube/events.ts";
import { until } from "../support/until.ts";
import { startWorld, type World } from "./support.ts";

const halted: EventRecord = {
	regarding: { apiVersion: "v1", kind: "Pod", name: "bot-0", namespace: "desk", uid: "u-1" },
	type: "Warning",
	reason: "Halted",
	action: "Deleting",
	note: "the desk is in Emergency",
};

function startRecorder(t: ExecutionContext, { client }: World, options: Partial<EventRecorderOptions> = {}) {
	const lost: { note: string; cause: unknown }[] = [];
	const recorder = new EventRecorder({
		client,
		reportingController: "example.com/operator",
		reportingInstance: "operator-0",
		onLost: ({ note }, cause) => lost.push({ note, cause }),
		...options,
	});
	t.teardown(() => recorder.stop({ deadlineMilliseconds: 1 }));
	return { recorder, lost };
}

test("an event is written as events.k8s.io/v1 has it", async (t) => {
	// Given a recorder.
	const world = await startWorld(t);
	const { recorder, lost } = startRecorder(t, world);
	// When an event is recorded.
	recorder.record(halted);
	await recorder.stop();
	// Then the server has it whole, in the namespace of what it is about.
	const request = world.server.seen("create")[0];
	t.is(request?.path, "/apis/events.k8s.io/v1/namespaces/desk/events");
	const event = JSON.parse(request?.body ?? "{}");
	t.like(event, { ...halted, reportingController: "example.com/operator", reportingInstance: "operator-0" });
	t.regex(event.eventTime, /\.\d{6}Z$/);
	t.is(event.metadata.generateName, "bot-0-");
	t.deepEqual(recorder.counts(), { recorded: 1, repeated: 0, lost: 0 });
	t.deepEqual(lost, []);
});

test("the same event is recorded once, a different note is another", async (t) => {
	// Given a recorder.
	const world = await startWorld(t);
	const { recorder } = startRecorder(t, world);
	// When one event comes three times and another once.
	for (let i = 0; i < 3; i += 1) recorder.record(halted);
	recorder.record({ ...halted, note: "something else" });
	await recorder.stop();
	// Then two were written.
	t.deepEqual(recorder.counts(), { recorded: 2, repeated: 2, lost: 0 });
	t.is(world.server.seen("create").length, 2);
});

test("a long note is cut to 1 kB between characters, a strange name is made valid", async (t) => {
	// Given a note of characters of three bytes, about an object with a name that no event may have.
	const world = await startWorld(t);
	const { recorder } = startRecorder(t, world);
	recorder.record({
		...halted,
		note: "止".repeat(1000),
		regarding: { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "System:admin-" },
	});
	// When it is written.
	await recorder.stop();
	// Then it fits, and is in the default namespace.
	const request = world.server.seen("create")[0];
	const event = JSON.parse(request?.body ?? "{}");
	t.true(Buffer.byteLength(event.note) <= 1024);
	t.regex(event.note, /^止{300,}…$/);
	t.is(event.metadata.generateName, "system-admin-");
	t.is(request?.path, "/apis/events.k8s.io/v1/namespaces/default/events");
});

test("a failure reaches the hook, and the next of its kind is tried again", async (t) => {
	// Given a server that refuses the first event.
	const world = await startWorld(t);
	const { recorder, lost } = startRecorder(t, world);
	world.server.next("create", (exchange) => exchange.fail(403, "Forbidden", "no events for you"));
	recorder.record(halted);
	await until("it was refused", () => lost.length === 1);
	// When it is recorded again.
	recorder.record(halted);
	await recorder.stop();
	// Then it is written.
	t.deepEqual(recorder.counts(), { recorded: 1, repeated: 0, lost: 1 });
	t.regex(String(lost[0]?.cause), /no events for you/);
});

test("the queue is bounded, and stop() reports what could not be written", async (t) => {
	// Given a server that does not answer, and room for two.
	const world = await startWorld(t);
	world.server.always("create", () => {});
	const { recorder, lost } = startRecorder(t, world, { capacity: 2 });
	// When five events are recorded, then the caller is not delayed, and two are lost at once.
	for (let i = 0; i < 5; i += 1) recorder.record({ ...halted, note: `note ${i}` });
	t.deepEqual(
		lost.map(({ note }) => note),
		["note 3", "note 4"],
	);
	// When stopped, then the others are lost too, and a later one.
	await recorder.stop({ deadlineMilliseconds: 50 });
	recorder.record({ ...halted, note: "late" });
	t.is(recorder.counts().lost, 6);
});

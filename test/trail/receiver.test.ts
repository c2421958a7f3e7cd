import { cpSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { decodeEntry, type Entry, encodeEntry } from "../../audit/entry.ts";
import type { Happening } from "../../audit/recorder.ts";
import { fileSigner } from "../../audit/signer.ts";
import { Spool } from "../../audit/spool/spool.ts";
import { Writer } from "../../audit/writer.ts";
import { judgeEvent } from "../../trail/kube-audit.ts";
import { isKubeEvent } from "../../trail/kube-event.ts";
import { createMetrics } from "../../trail/metrics.ts";
import { Receiver, type ReceiverOptions } from "../../trail/receiver.ts";
import { entryOf } from "../audit/entries.ts";
import { temporaryFolder } from "../support/folder.ts";
import { keyFile } from "./trails.ts";

const token = "0123456789abcdef";

/** A patch of a desk that was refused by rights. */
const refusal = (auditID: string, rest: object = {}) => ({
	...{ kind: "Event", level: "Request", auditID, stage: "ResponseComplete", verb: "patch" },
	requestURI: "/apis/tradingsafety.dev/v1alpha1/namespaces/desk-a/tradingsafeties/desk",
	user: { username: "eve", groups: ["system:authenticated"] },
	objectRef: {
		...{ resource: "tradingsafeties", namespace: "desk-a", name: "desk" },
		...{ apiGroup: "tradingsafety.dev", apiVersion: "v1alpha1" },
	},
	responseStatus: { code: 403, reason: "Forbidden", message: "no" },
	requestObject: { spec: { mode: "Normal" } },
	...rest,
});

const list = (...items: readonly unknown[]) =>
	Buffer.from(JSON.stringify({ kind: "EventList", apiVersion: "audit.k8s.io/v1", items }));

function receiverOf(t: ExecutionContext, writer: ReceiverOptions["writer"]) {
	const metrics = createMetrics();
	const errors: unknown[] = [];
	const onFailed = (_: string, error: unknown) => errors.push(error);
	const receiver = new Receiver({ token, identity: "trail-0", writer, metrics, onFailed });
	t.teardown(() => receiver.stop());
	const outcomes = async () => {
		const { values } = await metrics.kubeAuditEvents.get();
		return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
	};
	return { receiver, errors, outcomes };
}

// Before the others, of which one keeps this process busy for seconds.
test.serial(
	"what it has answered for is on the disk, also when nothing takes it and the process ends",
	async (t) => {
		// Given a trail whose store never answers
		const dir = temporaryFolder(t, "spool");
		const key = keyFile(t);
		const writer = new Writer({
			...{ dir, log: "log.example", name: "trail-0", signer: () => fileSigner(key), about: {} },
			handOver: () => new Promise(() => {}),
			onFailed: () => {},
		});
		const { receiver, outcomes } = receiverOf(t, writer);
		// When events come, and some of them again since an answer was lost
		const other = refusal("3", { user: { username: "bob" } });
		await receiver.receive(list(refusal("1"), refusal("2"), other));
		await receiver.receive(list(refusal("2"), other, refusal("4")));
		t.deepEqual(await outcomes(), { Recorded: 2, Folded: 2, Repeated: 2 });
		// Then they are there for whoever opens the spool next: this one was never closed
		const copy = temporaryFolder(t, "copy");
		cpSync(dir, copy, { recursive: true });
		const spool = await Spool.open(copy);
		t.teardown(() => spool.close());
		const found = (await spool.oldest(100)).map(({ signed }) => decodeEntry(signed.entry));
		t.deepEqual(
			found.map(({ kind, action, actor }) => `${kind} ${action} ${actor.name}`),
			["Configuration attempts-heard trail-0", "Denied patch eve", "Denied patch bob"],
		);
	},
);

test("while it cannot write, API servers are to keep theirs", async (t) => {
	const recorded: Happening[] = [];
	let state: ReturnType<Writer["state"]> = { kind: "Failing", why: "the disk is full", entries: 1 };
	let isOnDisk = false;
	const { receiver } = receiverOf(t, {
		record: (happening) => recorded.push(happening),
		onDisk: async () => isOnDisk,
		state: () => state,
	});
	await t.throwsAsync(receiver.receive(list(refusal("1"))), { code: "BUSY", message: /the disk is full/ });
	t.deepEqual(recorded, []);
	state = { kind: "Behind", entries: 20_001, milliseconds: 1, why: "the store is away" };
	await t.throwsAsync(receiver.receive(list(refusal("1"))), { code: "BUSY", message: /20001 entries wait/ });
	t.deepEqual(recorded, []);
	// One that takes too long is not answered for, and is not recorded twice when it comes again
	state = { kind: "Current" };
	await t.throwsAsync(receiver.receive(list(refusal("1"))), { code: "BUSY", message: /in time/ });
	isOnDisk = true;
	await receiver.receive(list(refusal("1")));
	t.is(recorded.filter(({ kind }) => kind === "Denied").length, 1);
});

test("an object that is written again as it was is recorded once; what repeats is told of at the end", async (t) => {
	const recorded: Happening[] = [];
	const { receiver, outcomes } = receiverOf(t, {
		record: (happening) => recorded.push(happening),
		onDisk: async () => true,
		state: () => ({ kind: "Current" }),
	});
	const binding = (auditID: string, resourceVersion: string) =>
		refusal(auditID, {
			objectRef: {
				resource: "rolebindings",
				namespace: "a",
				name: "x",
				apiGroup: "rbac.authorization.k8s.io",
			},
			responseStatus: { code: 200 },
			requestObject: { subjects: [{ kind: "User", name: "eve" }] },
			responseObject: {
				metadata: { name: "x", uid: "u", resourceVersion },
				roleRef: { kind: "ClusterRole", name: "tradingsafety-resetter" },
			},
		});
	await receiver.receive(
		list(binding("1", "7"), binding("2", "7"), binding("3", "8"), refusal("4"), refusal("5")),
	);
	t.deepEqual(await outcomes(), { Recorded: 3, Unchanged: 1, Folded: 1 });
	receiver.stop();
	t.deepEqual(
		recorded.map(({ kind, metadata }) => `${kind} ${metadata?.repeated ?? ""}`.trim()),
		["Configuration", "Access", "Access", "Denied", "Denied 1"],
	);
});

test("what is no list of events is refused; an event that cannot be read is told of, and others are taken", async (t) => {
	const { receiver, errors, outcomes } = receiverOf(t, {
		record: () => 1,
		onDisk: async () => true,
		state: () => ({ kind: "Current" }),
	});
	for (const body of ["", "{", "[]", "null", '{"kind":"EventList","apiVersion":"v2","items":[]}']) {
		await t.throwsAsync(receiver.receive(Buffer.from(body)), { code: "INPUT" }, body);
	}
	await receiver.receive(list(null, { auditID: 7 }, refusal("1")));
	t.deepEqual(await outcomes(), { Malformed: 2, Recorded: 1 });
	t.is(errors.length, 2);
});

test("only who shows the whole token is let in", (t) => {
	const { receiver } = receiverOf(t, {
		record: () => 1,
		onDisk: async () => true,
		state: () => ({ kind: "Current" }),
	});
	receiver.authorize(`Bearer ${token}`);
	for (const header of [undefined, "", "Bearer", `Bearer ${token}x`, `Basic ${token}`, token, "Bearer "]) {
		t.throws(() => receiver.authorize(header), { code: "UNAUTHORIZED" }, header);
	}
});

// Before the others: it keeps the event loop to itself for seconds.
test.serial("whatever is in an event, what is recorded of it is an entry", (t) => {
	const junk = fc.anything({ maxDepth: 3, withNullPrototype: false });
	const text = fc.oneof(
		fc.string({ unit: "binary", maxLength: 5_000 }),
		fc.constantFrom("", "\ud800", "x".repeat(70_000)),
	);
	const events = fc.record({
		auditID: text,
		stage: fc.constant("ResponseComplete"),
		verb: fc.oneof(text, fc.constantFrom("patch", "delete", "create", "update")),
		requestURI: text,
		user: fc.record(
			{ username: text, uid: text, groups: fc.array(text, { maxLength: 70 }) },
			{ requiredKeys: [] },
		),
		impersonatedUser: fc.record({ username: text }, { requiredKeys: [] }),
		sourceIPs: fc.array(text, { maxLength: 3 }),
		userAgent: text,
		objectRef: fc.record({
			resource: fc.oneof(text, fc.constantFrom("tradingsafeties", "secrets", "clusterroles", "namespaces")),
			apiGroup: fc.constantFrom(
				"tradingsafety.dev",
				"rbac.authorization.k8s.io",
				"",
				"admissionregistration.k8s.io",
			),
			namespace: text,
			name: fc.oneof(text, fc.constantFrom("tradingsafety-raise-key", "tradingsafety-x")),
			subresource: fc.constantFrom("", "status"),
		}),
		responseStatus: fc.record({ code: fc.constantFrom(200, 201, 401, 403, 422, 409), message: text }),
		requestObject: junk,
		responseObject: fc.oneof(
			junk,
			fc.record({ metadata: fc.record({ uid: text, resourceVersion: text, labels: junk }) }),
		),
	});
	let recorded = 0;
	fc.assert(
		fc.property(events, (event) => {
			const sent: unknown = JSON.parse(JSON.stringify(event));
			if (!isKubeEvent(sent)) return;
			const judged = judgeEvent(sent);
			if (judged.kind === "Ignored") return;
			recorded += 1;
			const bytes = encodeEntry(
				entryOf(0, { before: undefined, after: undefined, ...judged.happening } as Partial<Entry>),
			);
			t.true(bytes.length < 60_000);
		}),
		{ numRuns: 2_000 },
	);
	t.true(recorded > 100, `${recorded}`);
});

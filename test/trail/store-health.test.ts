import test from "ava";
import { AuditError } from "../../audit/error.ts";
import { StoreHealth } from "../../trail/store-health.ts";

test("a store that fails for longer than a moment is told of, until it answers", (t) => {
	let now = 0;
	const health = new StoreHealth(() => now);
	t.deepEqual(health.problems(), []);
	health.failed(new AuditError("STORE", "refused"));
	t.deepEqual(health.problems(), []);
	now = 6_000;
	health.failed(new AuditError("STORE", "still refused"));
	t.deepEqual(health.problems(), ["the store has not answered for 6 s: still refused"]);
	health.answered();
	t.deepEqual(health.problems(), []);
	// That another trail was faster is no failure
	health.failed(new AuditError("FENCED", "somebody"));
	now = 20_000;
	t.deepEqual(health.problems(), []);
	t.deepEqual(health.problems(14_000), ["entries have been waiting for the store for 6 s"]);
	t.deepEqual(health.problems(16_000), []);
});

test("a store that does not keep its promise is told of at once, until it keeps it", (t) => {
	const health = new StoreHealth(() => 0);
	health.failed(new AuditError("WORM", "not locked"));
	health.answered();
	t.deepEqual(health.problems(), ["the store is not as it must be: not locked"]);
	health.kept();
	t.deepEqual(health.problems(), []);
});

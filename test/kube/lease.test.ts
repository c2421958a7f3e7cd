import test, { type ExecutionContext } from "ava";
import { LeaderElector, type LeaderElectorOptions, type Leadership } from "../../kube/lease.ts";
import type { Exchange } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { startWorld, type World } from "./support.ts";

const path = "/apis/coordination.k8s.io/v1/namespaces/desk/leases/leader";

type Spec = { holderIdentity?: string; leaseTransitions?: number; renewTime?: string; acquireTime?: string };

function specOf({ server }: World): Spec {
	return (server.store.get(path)?.spec ?? {}) as Spec;
}

function startElector(
	t: ExecutionContext,
	{ client }: World,
	identity: string,
	options: Partial<LeaderElectorOptions> = {},
) {
	const told: Leadership[] = [];
	const errors: unknown[] = [];
	const elector = new LeaderElector({
		client,
		namespace: "desk",
		name: "leader",
		identity,
		leaseSeconds: 1,
		onChange: (leadership) => told.push(leadership),
		onError: (error) => errors.push(error),
		...options,
	});
	t.teardown(() => elector.stop());
	elector.start();
	return { elector, told, errors };
}

test("one of several becomes leader and renews; its lease is readable", async (t) => {
	// Given three electors that start at once.
	const world = await startWorld(t);
	const electors = ["a", "b", "c"].map((identity) => startElector(t, world, identity).elector);
	// When one is leader.
	await until("there is a leader", () => electors.some((elector) => elector.isLeader()));
	const { renewTime } = specOf(world);
	await until("it has renewed", () => specOf(world).renewTime !== renewTime);
	// Then it is the only one, and the lease says so in the API's own format.
	t.is(electors.filter((elector) => elector.isLeader()).length, 1);
	const leader = electors.findIndex((elector) => elector.isLeader());
	t.is(specOf(world).holderIdentity, ["a", "b", "c"][leader]);
	t.regex(specOf(world).renewTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test("a leader that stops hands over without waiting for the lease to expire", async (t) => {
	// Given a leader with a lease of an hour, and another elector.
	const world = await startWorld(t);
	const times = { leaseSeconds: 3600, renewMilliseconds: 50, retryMilliseconds: 50 };
	const first = startElector(t, world, "first", times);
	await until("the first leads", () => first.elector.isLeader());
	const second = startElector(t, world, "second", times);
	await until("the second has seen it", () => second.told.some(({ holder }) => holder === "first"));
	// When the first stops.
	await first.elector.stop();
	// Then it is leader no more, and the second is.
	t.false(first.elector.isLeader());
	await until("the second leads", () => second.elector.isLeader());
	t.is(specOf(world).leaseTransitions, 1);
	t.deepEqual(first.told.at(-1), { leader: false, holder: undefined });
	t.deepEqual(first.errors, []);
});

test("a leader that vanishes is replaced once its lease has not changed for its duration", async (t) => {
	// Given a lease whose holder is dead, with times of tomorrow in it.
	const world = await startWorld(t);
	const tomorrow = new Date(Date.now() + 86_400_000).toISOString().replace("Z", "000Z");
	world.server.store.put("/apis/coordination.k8s.io/v1/namespaces/desk/leases", {
		metadata: { name: "leader", resourceVersion: "1" },
		spec: { holderIdentity: "dead", leaseDurationSeconds: 1, renewTime: tomorrow, leaseTransitions: 4 },
	});
	// When another elector starts.
	const startedAt = performance.now();
	const { elector } = startElector(t, world, "heir");
	await until("it leads", () => elector.isLeader());
	// Then it waited for the duration, by its own clock, and not for tomorrow.
	t.true(performance.now() - startedAt >= 1_000);
	t.is(specOf(world).leaseTransitions, 5);
});

test("a holder that renews is not replaced, whatever times it writes", async (t) => {
	// Given a holder whose clock is a year behind, renewing often.
	const world = await startWorld(t);
	const collection = "/apis/coordination.k8s.io/v1/namespaces/desk/leases";
	let renewals = 0;
	const renew = () => {
		renewals += 1;
		const renewTime = new Date(Date.now() - 31_536_000_000 + renewals).toISOString().replace("Z", "000Z");
		const spec = { holderIdentity: "slow", leaseDurationSeconds: 1, renewTime };
		world.server.store.put(collection, { metadata: { name: "leader" }, spec });
	};
	renew();
	world.server.always("get", (exchange: Exchange) => {
		renew();
		world.server.serve(exchange);
	});
	// When another elector looks for longer than the duration.
	const { elector, told } = startElector(t, world, "other");
	const startedAt = performance.now();
	await until("two durations are over", () => performance.now() - startedAt > 2_000);
	// Then it never led.
	t.false(elector.isLeader());
	t.false(told.some(({ leader }) => leader));
	t.is(specOf(world).holderIdentity, "slow");
});

test("a process that slept is not leader when it wakes, before any timer ran", async (t) => {
	// Given a leader with a clock of ours.
	const world = await startWorld(t);
	let now = 0;
	const { elector } = startElector(t, world, "sleeper", {
		now: () => now,
		leaseSeconds: 10,
		renewMilliseconds: 60_000,
	});
	await until("it leads", () => elector.isLeader());
	t.is(elector.remainingMilliseconds(), 8_000);
	// When nine seconds pass in which nothing of it runs.
	now = 9_000;
	// Then it is not leader at the moment of asking.
	t.false(elector.isLeader());
	t.is(elector.remainingMilliseconds(), 0);
});

test("a renewal counts from before it was sent", async (t) => {
	// Given a server that takes 900 of 1,000 seconds, by our clock, to store the first lease.
	const world = await startWorld(t);
	let now = 0;
	world.server.next("create", (exchange) => {
		now = 900_000;
		world.server.serve(exchange);
	});
	// When the elector has acquired it.
	const { elector } = startElector(t, world, "late", {
		now: () => now,
		leaseSeconds: 1000,
		renewMilliseconds: 60_000,
		retryMilliseconds: 10,
	});
	await until("the lease is stored", () => specOf(world).holderIdentity === "late");
	await until("it leads", () => elector.isLeader());
	// Then it did not lead on the strength of the late answer, but of the renewal after it.
	t.is(world.server.seen("patch").length, 1);
});

test("a leader that cannot renew stops leading in time, says so, and leads again when it can", async (t) => {
	// Given a leader and a server that then refuses everything.
	const world = await startWorld(t);
	const { elector, told, errors } = startElector(t, world, "cut");
	await until("it leads", () => elector.isLeader());
	const refuse = (exchange: Exchange) => exchange.fail(500, "InternalError", "no");
	world.server.always("get", refuse);
	world.server.always("patch", refuse);
	// When the lease has run out.
	await until("it was told", () => told.at(-1)?.leader === false);
	// Then it is not leader, and the errors were reported.
	t.false(elector.isLeader());
	t.true(errors.length > 0);
	// When the server is back, then it leads again.
	world.server.always("get");
	world.server.always("patch");
	await until("it leads again", () => elector.isLeader());
});

test("of two that find the lease expired at the same moment, one wins", async (t) => {
	// Given a dead holder and a gate that lets two electors write at the same time.
	const world = await startWorld(t);
	world.server.store.put("/apis/coordination.k8s.io/v1/namespaces/desk/leases", {
		metadata: { name: "leader" },
		spec: { holderIdentity: "dead", leaseDurationSeconds: 0 },
	});
	const held: Exchange[] = [];
	const hold = (exchange: Exchange) => {
		held.push(exchange);
		if (held.length === 2) for (const each of held) world.server.serve(each);
	};
	world.server.next("patch", hold, hold);
	const times = { leaseSeconds: 60, retryMilliseconds: 20 };
	// When both write.
	const electors = ["a", "b"].map((identity) => startElector(t, world, identity, times));
	await until("both have written", () => held.length === 2);
	await until("one leads", () => electors.some(({ elector }) => elector.isLeader()));
	await until("both know", () => electors.every(({ told }) => told.length > 0));
	// Then one won and the other's loss is no error.
	t.is(electors.filter(({ elector }) => elector.isLeader()).length, 1);
	t.deepEqual(
		electors.flatMap(({ errors }) => errors),
		[],
	);
});

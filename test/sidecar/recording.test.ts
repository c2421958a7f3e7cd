import { rmSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import type { Entry } from "../../audit/entry.ts";
import { type AppendFile, diskFiles, type SpoolFiles } from "../../audit/spool/files.ts";
import { estopAnnotations as names } from "../../crds/estop-lease.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";
import { startTrail } from "./trail.ts";
import { pinOf, startBoxes } from "./world.ts";

const patience = { timeoutMilliseconds: 60_000 };
/** To verify a trail takes the processor from the sidecar, which is in this process. */
const slowly = { ...patience, intervalMilliseconds: 250 };

async function governed(t: ExecutionContext, serial: string): Promise<TestDesk> {
	const desk = await TestDesk.create(t);
	await desk.govern({
		mode: "Normal",
		targets: [target("bots", "Strategy")],
		estop: { devices: [pinOf(serial)] },
	});
	return desk;
}

const isRaised = (desk: TestDesk) => async () => {
	const { spec } = await desk.get();
	return spec.mode === "Emergency" ? spec : undefined;
};

type World = Awaited<ReturnType<typeof startBoxes>>;
const says = (world: World, serial: string) => async () =>
	(await world.lease(serial)).metadata.annotations?.[names.record];
const saysLike = (world: World, serial: string, pattern: RegExp) => async () => {
	const record = await says(world, serial)();
	if (record !== undefined && pattern.test(record)) return record;
	throw new Error(`it says ${record}`);
};
const light = (world: World, serial: string) => {
	const { light, rhythm } = world.box(serial).shown();
	return `${light} ${rhythm}`;
};

/** Waits until there is an entry of each of these actions; returns all entries by then. */
function withActions(trail: Awaited<ReturnType<typeof startTrail>>, ...actions: readonly string[]) {
	return until(
		`the trail has ${actions.join(", ")}`,
		async () => {
			const entries = await trail.entries();
			const missing = actions.filter((action) => !entries.some((entry) => entry.action === action));
			if (missing.length === 0) return entries;
			throw new Error(`${missing.join(", ")} missing of ${entries.map(({ action }) => action).join()}`);
		},
		slowly,
	);
}

const actionsOf = (entries: readonly Entry[]) => entries.map(({ action }) => action);
const only = (entries: readonly Entry[], action: string): Entry => {
	const [found, ...more] = entries.filter((entry) => entry.action === action);
	if (found === undefined || more.length > 0) throw new Error(`${action} ${more.length + 1} times`);
	return found;
};

test.serial("a press is in the trail with the trip that the API server shows, in order", async (t) => {
	t.timeout(120_000);
	const trail = await startTrail(t);
	const desk = await governed(t, "RECORDED");
	const world = await startBoxes(t, desk, ["RECORDED"], { args: trail.args });
	await withActions(trail, "Opened", "Armed");
	await until("its Lease says so", saysLike(world, "RECORDED", /^Current$/));
	// When it is pressed and turned free
	world.box("RECORDED").press();
	const { trip } = await until("it is raised", isRaised(desk));
	const { metadata } = await desk.get();
	world.box("RECORDED").release();
	const entries = await withActions(trail, "RaiseShown", "Released");
	// Then the trail, which is good as a whole, tells of it in order
	const story = ["Pressed", "Raised", "RaiseShown", "Released"];
	t.deepEqual(
		actionsOf(entries).filter((action) => story.includes(action)),
		story,
	);
	t.is(actionsOf(entries)[0], "start");
	const id = trip?.id ?? "";
	t.like(only(entries, "Pressed"), {
		...{ kind: "Trip", actor: { name: "RECORDED" }, entity: { type: "Device", id: "RECORDED" } },
		metadata: { raised: "1", "raised.0": `${desk.namespace} Emergency ${id}`, isProof: "false" },
	});
	const raised = only(entries, "Raised");
	t.like(raised.metadata, { trip: id, type: "Button", at: trip?.at });
	t.like(raised.before, { values: { mode: "Normal" } });
	const shown = only(entries, "RaiseShown");
	t.like(shown, { entity: { id: `${desk.namespace}/desk`, uid: metadata.uid }, metadata: { trip: id } });
	t.like(shown.after, {
		...{ generation: metadata.generation, resourceVersion: metadata.resourceVersion },
		values: { mode: "Emergency", trip: id },
	});
	t.regex(await world.metrics(), /tradingsafety_estop_record_state\{state="Current"\} 1/);
});

test.serial(
	"the trail hangs at the press: it raises all the same, the box shows it, and all of it arrives",
	async (t) => {
		t.timeout(180_000);
		const trail = await startTrail(t);
		const desk = await governed(t, "HANGING");
		const world = await startBoxes(t, desk, ["HANGING"], { args: trail.args });
		await withActions(trail, "Armed");
		trail.hang();
		world.box("HANGING").press();
		const { trip } = await until("it is raised", isRaised(desk));
		// When it hangs for more than 10 s, then Lease, log and metric say so, and presses still get through
		await until("its Lease says so", saysLike(world, "HANGING", /^Behind: \d+ entries for 1\d s/), patience);
		await until("it is told of", () => world.lines.some((line) => /record is not written/.test(line)));
		t.regex(await world.metrics(), /record_state\{state="Behind"\} 1/);
		t.true(await world.ready());
		// When it is back
		trail.recover();
		const entries = await withActions(trail, "Pressed", "Raised", "RaiseShown");
		t.is(only(entries, "Pressed").metadata?.["raised.0"], `${desk.namespace} Emergency ${trip?.id}`);
		await until("its Lease says so", saysLike(world, "HANGING", /^Current$/), patience);
	},
);

test.serial(
	"neither key nor spool can be opened: the sidecar is armed and raises, the box shows it, and nothing is left out",
	async (t) => {
		t.timeout(180_000);
		const trail = await startTrail(t);
		const desk = await governed(t, "UNOPENED");
		// Given an operator that confirms Normal, a file in the place of the spool, and no key
		await startReplica(t, desk);
		await desk.confirmed("Normal");
		writeFileSync(trail.spool, "");
		rmSync(trail.key);
		const world = await startBoxes(t, desk, ["UNOPENED"], { args: trail.args });
		await until(
			"its Lease says so",
			saysLike(world, "UNOPENED", /^Failing: .*entries\.pem holds no private key/),
		);
		t.true(await world.ready());
		t.regex(await world.metrics(), /tradingsafety_estop_errors_total\{where="record"\} [1-9]/);
		t.regex(await world.metrics(), /record_state\{state="Failing"\} 1/);
		await until("it is told of", () => world.lines.some((line) => /record is not written/.test(line)));
		await until("the box shows it", () => light(world, "UNOPENED") === "Yellow Slow");
		t.is((await desk.condition("Confirmed"))?.status, "True");
		// When it is pressed, then it raises
		world.box("UNOPENED").press();
		const { trip } = await until("it is raised", isRaised(desk));
		// When the key is there, then the spool is what fails; when that is a folder, all of it is written
		writeFileSync(trail.key, trail.pem);
		await until("the spool is named", saysLike(world, "UNOPENED", /^Failing: .*spool/), patience);
		rmSync(trail.spool);
		const openedAt = Date.now();
		const entries = await withActions(trail, "Opened", "Armed", "Pressed", "Raised", "RaiseShown");
		const pressed = only(entries, "Pressed");
		t.is(pressed.metadata?.["raised.0"], `${desk.namespace} Emergency ${trip?.id}`);
		// With the time when it happened, which was before there was a spool
		t.true(Date.parse(pressed.time.wall) < openedAt);
		await until("its Lease says so", saysLike(world, "UNOPENED", /^Current$/), patience);
	},
);

test.serial(
	"the disk is full: a press raises, the record says so, and is written once there is room",
	async (t) => {
		t.timeout(180_000);
		const trail = await startTrail(t);
		const desk = await governed(t, "FULL");
		let isFull = false;
		const check = () => {
			if (isFull) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
		};
		const wrap = (file: AppendFile): AppendFile => ({
			async append(bytes) {
				check();
				await file.append(bytes);
			},
			close: () => file.close(),
		});
		const spoolFiles: SpoolFiles = {
			...diskFiles,
			async create(dir, path) {
				check();
				return wrap(await diskFiles.create(dir, path));
			},
			used: async () => (isFull ? 1 : 0),
		};
		const world = await startBoxes(t, desk, ["FULL"], { args: trail.args, spoolFiles });
		await withActions(trail, "Armed");
		// When it is full and the button is pressed
		isFull = true;
		world.box("FULL").press();
		const { trip } = await until("it is raised", isRaised(desk));
		await until("its Lease says so", saysLike(world, "FULL", /^Failing: .*ENOSPC/), patience);
		t.deepEqual(
			actionsOf(await trail.entries()).filter((action) => action === "Pressed"),
			[],
		);
		// When there is room again
		isFull = false;
		const entries = await withActions(trail, "Pressed", "Raised", "RaiseShown");
		t.is(only(entries, "Pressed").metadata?.["raised.0"], `${desk.namespace} Emergency ${trip?.id}`);
		await until("its Lease says so", saysLike(world, "FULL", /^Current$/), patience);
	},
);

test.serial(
	"faults, an unplugged device, a silenced buzzer and what is not armed are in the trail",
	async (t) => {
		t.timeout(180_000);
		const trail = await startTrail(t);
		const desk = await governed(t, "EVENTFUL");
		const world = await startBoxes(t, desk, ["EVENTFUL"], { args: trail.args });
		const box = world.box("EVENTFUL");
		await withActions(trail, "Armed");
		// When its enclosure is opened and closed, the buzzer silenced, and it is unplugged
		box.set({ tamperLoopClosed: false });
		await withActions(trail, "FaultBegan", "Raised");
		box.set({ tamperLoopClosed: true });
		await withActions(trail, "FaultEnded");
		await desk.admin.patch(
			world.leasePath("EVENTFUL"),
			{ metadata: { annotations: { [names.silence]: "ann, 12:00" } } },
			{ type: "merge" },
		);
		await withActions(trail, "BuzzerSilenced");
		box.hang();
		world.transport.unplug(world.device("EVENTFUL"));
		const entries = await withActions(trail, "Lost");
		// Then each is there, with what it was about; a busy machine may have been stale beside that
		const faultsOf = (action: string) =>
			entries.filter((entry) => entry.action === action).map(({ metadata }) => metadata?.fault);
		t.true(faultsOf("FaultBegan").includes("Tampered"));
		t.true(faultsOf("FaultEnded").includes("Tampered"));
		const isNotArmed = entries.filter(({ action }) => action === "NotArmed");
		t.true(isNotArmed.some(({ metadata }) => metadata?.why?.includes("Tampered")));
		t.like(only(entries, "Raised").metadata, { type: "Tampered" });
		t.is(only(entries, "BuzzerSilenced").metadata?.note, "ann, 12:00");
		t.regex(only(entries, "Lost").metadata?.why ?? "", /unplugged/);
	},
);

test.serial("a press is on the disk of the sidecar before anybody takes it", async (t) => {
	t.timeout(120_000);
	const trail = await startTrail(t);
	trail.hang();
	const desk = await governed(t, "SPOOLED");
	const world = await startBoxes(t, desk, ["SPOOLED"], { args: trail.args });
	world.box("SPOOLED").press();
	await until("it is raised", isRaised(desk));
	await until("the press is on disk", () => trail.spooled().some(({ action }) => action === "Pressed"));
	await until("the trail is asked to take it", () => trail.calls() > 0);
	t.deepEqual(await trail.entries(), []);
});

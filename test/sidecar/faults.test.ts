import test from "ava";
import { estopAnnotations as names } from "../../crds/estop-lease.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { atRest, encodeReport } from "../../sidecar/devices/estop-box-wire.ts";
import { deskPath } from "../../sidecar/paths.ts";
import { boxInfo, VirtualBox } from "../../sidecar/testing/virtual-box.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";
import { pinOf, startBoxes } from "./world.ts";

// What stands in the way of a press. What takes long is in test/e2e/press-faults.test.ts.

const patience = { timeoutMilliseconds: 60_000 };
const pass = async (milliseconds: number) => {
	const end = performance.now() + milliseconds;
	await until("time has passed", () => performance.now() >= end, {
		timeoutMilliseconds: milliseconds + 5_000,
	});
};

function governed(desk: TestDesk, serials: readonly string[], rest: object = {}): Promise<TradingSafety> {
	return desk.govern({
		mode: "Normal",
		targets: [target("bots", "Strategy")],
		estop: { devices: serials.map(pinOf) },
		...rest,
	});
}

const isRaised = (desk: TestDesk) => async () => {
	const { spec } = await desk.get();
	return spec.mode === "Emergency" ? spec : undefined;
};

test.serial(
	"the clock of the machine jumps an hour and back: it stays armed, and a press comes through",
	async (t) => {
		t.timeout(120_000);
		const desk = await TestDesk.create(t);
		await governed(desk, ["CLOCK"]);
		const { box, armed, lease } = await startBoxes(t, desk, ["CLOCK"]);
		const real = Date.now;
		t.teardown(() => {
			Date.now = real;
		});
		for (const step of [3_600_000, -3_600_000]) {
			// When the clock jumps
			Date.now = () => real() + step;
			const { resourceVersion } = (await lease("CLOCK")).metadata;
			await until(
				"its Lease is renewed all the same",
				async () => (await lease("CLOCK")).metadata.resourceVersion !== resourceVersion,
			);
			await pass(1_500);
			await armed("CLOCK");
		}
		const before = real();
		box("CLOCK").press();
		const spec = await until("it is raised", isRaised(desk));
		t.true(real() - before < 5_000);
		t.like(spec.trip, { source: "CLOCK", type: "Button" });
	},
);

test.serial(
	"10,000 reports a second: a press in the middle comes through, and the Lease is renewed",
	async (t) => {
		t.timeout(120_000);
		const desk = await TestDesk.create(t);
		await governed(desk, ["FLOOD"]);
		const { box, device, lease } = await startBoxes(t, desk, ["FLOOD"]);
		// Given a box that sends 100 reports each 10 ms, a third of them damaged
		box("FLOOD").hang();
		let sent = 0;
		const flood = setInterval(() => {
			for (let count = 0; count < 100; count += 1) {
				sent += 1;
				const report = encodeReport(atRest, sent & 0xff, sent & 0xff);
				if (sent % 3 === 0) report[1] = 0x55;
				device("FLOOD").report(report);
			}
		}, 10);
		t.teardown(() => clearInterval(flood));
		await until("10,000 were sent", () => sent > 10_000);
		const heap = process.memoryUsage().heapUsed;
		// When it is pressed
		const pressedAt = performance.now();
		box("FLOOD").press();
		await until("it is raised", isRaised(desk));
		t.true(performance.now() - pressedAt < 5_000);
		// Then it is heard and says so for as long as that goes on, in no more memory
		const { resourceVersion } = (await lease("FLOOD")).metadata;
		await until(
			"its Lease is renewed",
			async () => (await lease("FLOOD")).metadata.resourceVersion !== resourceVersion,
		);
		await until("30,000 were sent", () => sent > 30_000, patience);
		clearInterval(flood);
		t.true(process.memoryUsage().heapUsed - heap < 100 * 2 ** 20);
	},
);

test.serial("a reset at the moment of a press: in the end the desk is as the press wants it", async (t) => {
	t.timeout(240_000);
	// Given a desk with an operator, and a person who may reset and not override
	const desk = await TestDesk.create(t);
	await governed(desk, ["RACE"]);
	await startReplica(t, desk);
	const person = await personWith(t, desk, "lee", "resetter");
	const { box, lines } = await startBoxes(t, desk, ["RACE"]);
	await desk.patch({ mode: "Emergency" });
	const outcomes = { lowered: 0, refused: 0 };
	for (let round = 0; round < 12; round += 1) {
		await desk.confirmed("Emergency");
		await desk.cleared();
		const before = (await desk.get()).spec.trip?.id;
		// When they lower it and the button is pressed, a little earlier or later
		const lowering = person
			.patch(
				deskPath(desk.namespace),
				{ spec: { mode: "Pause", reason: `round ${round}` } },
				{ type: "merge" },
			)
			.then(
				() => "lowered" as const,
				(error: unknown) => {
					if (!isKubeError(error, "FORBIDDEN", "INVALID", "CONFLICT")) throw error;
					return "refused" as const;
				},
			);
		if (round % 3 > 0) await pass((round % 3) * 3);
		box("RACE").press();
		outcomes[await lowering] += 1;
		// Then the desk is in Emergency by that press, and stays so
		const isPressed = async () => {
			const { spec } = await desk.get();
			if (spec.trip?.id === before || spec.trip?.type !== "Button") throw new Error(JSON.stringify(spec));
			return spec.mode === "Emergency";
		};
		await until("the press is there", isPressed);
		await pass(200);
		t.true(await isPressed());
		box("RACE").release();
		// A contact that closes again within 50 ms was never released.
		await until("it is free", () => lines.filter((line) => line.includes('"released"')).length > round);
	}
	t.log(outcomes);
	t.is(outcomes.lowered + outcomes.refused, 12);
});

test.serial("a reset that is approved at the moment of a press is void", async (t) => {
	t.timeout(240_000);
	// Given a desk with an operator where somebody asks for a reset and somebody else approves
	const desk = await TestDesk.create(t);
	await governed(desk, ["APPROVED"], { reset: { approvals: 1 } });
	await startReplica(t, desk);
	const lee = await personWith(t, desk, "lee", "resetter");
	const ann = await personWith(t, desk, "ann", "approver");
	const { box, lease } = await startBoxes(t, desk, ["APPROVED"]);
	const trip = { id: "first", source: "a test", at: new Date().toISOString(), type: "Manual" };
	await desk.patch({ mode: "Emergency", trip });
	const lower = (reason: string) => desk.patch({ mode: "Pause", reason, resetRequest: null }, lee);
	for (const round of [0, 1, 2, 3, 4, 5]) {
		const { spec } = await desk.confirmed("Emergency");
		const reason = `round ${round}`;
		const request = { fromMode: "Emergency", tripId: spec.trip?.id, toMode: "Pause", reason };
		await desk.patch({ resetRequest: { ...request, requestedBy: "lee", approvals: null } }, lee);
		await desk.cleared();
		// When it is approved and the button is pressed, one a little before the other
		const approved = desk.patch({ resetRequest: { approvals: { ann: { note: "seen" } } } }, ann);
		if (round > 2) await pass((round - 2) * 3);
		box("APPROVED").press();
		await approved;
		const isPressed = async () => {
			const now = (await desk.get()).spec;
			return now.trip?.type === "Button" && now.trip.id !== spec.trip?.id;
		};
		await until("the press is there", isPressed);
		// Then what was approved is refused, now and when the button is free and nothing else is in the way
		t.true(isKubeError(await t.throwsAsync(lower(reason)), "FORBIDDEN", "INVALID"));
		box("APPROVED").release();
		await until(
			"it is free",
			async () => (await lease("APPROVED")).metadata.annotations?.[names.pressed] === "false",
		);
		await desk.confirmed("Emergency");
		await desk.cleared();
		const refusal = await t.throwsAsync(lower(reason));
		t.regex(String(refusal), /a raise since then voided it/);
		t.is((await desk.get()).spec.mode, "Emergency");
	}
	// And one that was asked for after the press goes through, so that it was the press that was in the way
	const { spec } = await desk.get();
	const request = { fromMode: "Emergency", tripId: spec.trip?.id, toMode: "Pause", reason: "at last" };
	await desk.patch({ resetRequest: { ...request, requestedBy: "lee", approvals: null } }, lee);
	await desk.patch({ resetRequest: { approvals: { ann: { note: "seen" } } } }, ann);
	await desk.cleared();
	t.is((await lower("at last")).spec.mode, "Pause");
});

/** A client of somebody who has one of our roles at this desk, and nothing beyond. */
async function personWith(
	t: Parameters<typeof TestDesk.create>[0],
	desk: TestDesk,
	name: string,
	role: "resetter" | "approver",
): Promise<Client> {
	const group = "rbac.authorization.k8s.io";
	await desk.admin.create(`/apis/${group}/v1/namespaces/${desk.namespace}/rolebindings`, {
		apiVersion: `${group}/v1`,
		kind: "RoleBinding",
		metadata: { name },
		roleRef: { apiGroup: group, kind: "ClusterRole", name: `tradingsafety-${role}` },
		subjects: [{ kind: "User", name, apiGroup: group }],
	});
	const client = new Client(await connect(loadKubeConfig(await desk.cluster.kubeconfigFor({ name }))));
	t.teardown(() => client.close());
	return client;
}

test.serial("a desk that refuses the raise, or is gone, delays no other", async (t) => {
	t.timeout(120_000);
	// Given two desks that pin a box, and a policy that refuses every change of one of them
	const [refuses, other] = [await TestDesk.create(t), await TestDesk.create(t)];
	await governed(refuses, ["TWO"]);
	await governed(other, ["TWO"]);
	const { box, ready } = await startBoxes(t, other, ["TWO"]);
	await refuse(t, refuses);
	// Then the dry run of the raise says so, before it matters
	await until("it is not armed", async () => !(await ready()), patience);
	// When it is pressed, then the other is raised at once
	const pressedAt = performance.now();
	box("TWO").press();
	await until("the other is raised", isRaised(other));
	t.true(performance.now() - pressedAt < 2_000);
	t.is((await refuses.get()).spec.mode, "Normal");
	await until("the box alarms", () => box("TWO").shown().buzzer);
});

test.serial("devices of the same serial, here and at another node: a press of each is a press", async (t) => {
	t.timeout(120_000);
	// Given a box, its copy at the same node, and a copy at another one
	const desk = await TestDesk.create(t);
	await governed(desk, ["TWIN"]);
	const here = await startBoxes(t, desk, ["TWIN"]);
	const there = await startBoxes(t, desk, ["TWIN"]);
	const copy = new VirtualBox(here.transport.plug(boxInfo("TWIN", "/dev/virtual-copy")));
	t.teardown(() => copy.hang());
	await until("the copy is open", () => here.lines.some((line) => line.includes("/dev/virtual-copy")));
	let before: string | undefined;
	for (const button of [here.box("TWIN"), copy, there.box("TWIN")]) {
		// When one after the other is pressed, then the desk has a trip of each
		button.press();
		const { id } = await until("its trip is there", async () => {
			const { trip } = (await desk.get()).spec;
			return trip?.type === "Button" && trip.id !== before ? trip : undefined;
		});
		before = id;
	}
	t.is((await desk.get()).spec.mode, "Emergency");
});

/** Somebody's policy in the way: every update of this desk is denied. Until the test ends. */
async function refuse(
	t: Parameters<typeof TestDesk.create>[0],
	{ admin, namespace }: TestDesk,
): Promise<void> {
	const group = "admissionregistration.k8s.io";
	const name = `in-the-way-of-${namespace}`;
	const path = `/apis/${group}/v1/`;
	await admin.create(`${path}validatingadmissionpolicies`, {
		apiVersion: `${group}/v1`,
		kind: "ValidatingAdmissionPolicy",
		metadata: { name },
		spec: {
			failurePolicy: "Fail",
			matchConstraints: {
				resourceRules: [
					{
						apiGroups: ["tradingsafety.dev"],
						apiVersions: ["*"],
						operations: ["UPDATE"],
						resources: ["tradingsafeties"],
					},
				],
			},
			validations: [{ expression: "false", message: "somebody is in the way" }],
		},
	});
	await admin.create(`${path}validatingadmissionpolicybindings`, {
		apiVersion: `${group}/v1`,
		kind: "ValidatingAdmissionPolicyBinding",
		metadata: { name },
		spec: {
			policyName: name,
			validationActions: ["Deny"],
			matchResources: {
				namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
			},
		},
	});
	t.teardown(async () => {
		for (const kind of ["validatingadmissionpolicybindings", "validatingadmissionpolicies"]) {
			await admin.delete(`${path}${kind}/${name}`);
		}
	});
}

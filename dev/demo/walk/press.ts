import type { TradingSafety } from "../../../crds/types.ts";
import { waitFor } from "../../cluster/deadline.ts";
import { ClusterError } from "../../cluster/errors.ts";
import { type BoxSight, boxSerial, type DemoButton } from "../button.ts";
import { readDesk } from "./reads.ts";
import { checkRefusal } from "./refusals.ts";
import type { WalkContext } from "./walk.ts";

const step = "the button";

/** The box is pressed while the desk is in Normal: what it shows, what the desk does, and that nobody lowers while it is down. */
export async function checkPress(context: WalkContext, button: DemoButton): Promise<void> {
	await shows(context, button, "green in Normal", "Green Steady");
	const alarms = watchAlarm(button);
	button.press();
	await becomes(
		context,
		"a press raises to Emergency, by the sidecar and with its serial",
		({ spec }) => ({ mode: spec.mode, source: spec.trip?.source, type: spec.trip?.type }),
		{ mode: "Emergency", source: boxSerial, type: "Button" },
	);
	await becomes(context, "Emergency is confirmed", confirmedMode, "Emergency");
	await shows(context, button, "steady red once that is confirmed", "Red Steady");
	context.checks.same(`${step}: it blinked red and sounded until then`, alarms.stop(), true);
	await becomes(context, "while it is down a hold says so", holds, [`EstopPressed/${boxSerial}`]);
	await checkRefusal(context, step, {
		what: "lowering while it is down",
		by: "lee-resets",
		spec: { mode: "Pause", reason: "too early" },
		says: "not cleared",
	});
	button.release();
	await becomes(
		context,
		"the hold ends when it is turned free, and the mode stays",
		(desk) => ({
			holds: holds(desk),
			mode: desk.spec.mode,
		}),
		{ holds: [], mode: "Emergency" },
	);
	for (const mode of ["Pause", "Normal"] as const) {
		await becomes(
			context,
			`cleared down to ${mode}`,
			({ metadata, status }) => {
				const isOfNow = status?.clearance?.generation === metadata.generation;
				return isOfNow ? status?.clearance?.toMode : undefined;
			},
			mode,
		);
		const refused = await context.demo.cast.patch("lee-resets", {
			mode,
			reason: `after the press, to ${mode}`,
		});
		context.checks.same(`${step}: lowered to ${mode} (as lee-resets)`, refused ?? "accepted", "accepted");
		await becomes(context, `${mode} is confirmed`, confirmedMode, mode);
	}
	await shows(context, button, "green again", "Green Steady");
}

function confirmedMode({ metadata, status }: TradingSafety): string | undefined {
	const confirmed = status?.conditions?.find(({ type }) => type === "Confirmed");
	const isOfNow = confirmed?.status === "True" && confirmed.observedGeneration === metadata.generation;
	return isOfNow ? status?.modeInForce : undefined;
}

function holds({ status }: TradingSafety): readonly string[] {
	return (status?.holds ?? []).map(({ name }) => name).filter((name) => name.startsWith("Estop"));
}

/** Whether the box ever blinked red with its buzzer from now on. */
function watchAlarm(button: DemoButton): { readonly stop: () => boolean } {
	let alarmed = false;
	const timer = setInterval(() => {
		const sight = button.sight();
		alarmed ||= sight?.light === "Red" && sight.rhythm === "Fast" && sight.buzzer;
	}, 10);
	return {
		stop() {
			clearInterval(timer);
			return alarmed;
		},
	};
}

async function shows(context: WalkContext, button: DemoButton, what: string, wanted: string): Promise<void> {
	const text = (sight: BoxSight | undefined) =>
		sight === undefined ? "nothing" : `${sight.light} ${sight.rhythm}`;
	await eventually(context, `its light is ${what}`, async () => text(button.sight()), wanted);
}

async function becomes(
	context: WalkContext,
	what: string,
	read: (desk: TradingSafety) => unknown,
	wanted: unknown,
): Promise<void> {
	await eventually(context, what, async () => read(await readDesk(context.demo)), wanted);
}

async function eventually(
	{ demo, checks, signal }: WalkContext,
	what: string,
	read: () => Promise<unknown>,
	wanted: unknown,
): Promise<void> {
	let seen: unknown;
	try {
		await waitFor(
			what,
			async () => {
				seen = await read();
				return JSON.stringify(seen) === JSON.stringify(wanted);
			},
			{
				timeoutMilliseconds: demo.patienceMilliseconds,
				intervalMilliseconds: 20,
				assertPossible: () => signal.throwIfAborted(),
			},
		);
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
	}
	checks.same(`${step}: ${what}`, seen, wanted);
}

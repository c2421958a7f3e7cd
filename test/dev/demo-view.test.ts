import { spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import test from "ava";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { preparation, suggestions } from "../../dev/demo/commands.ts";
import { deskObject } from "../../dev/demo/desk.ts";
import { playedDesk } from "../../dev/demo/played-desk.ts";
import type { Seen } from "../../dev/demo/sight.ts";
import { cutToFit, type Room, renderLine, renderMarket, renderView } from "../../dev/demo/view.ts";

const desk = (spec: TradingSafetySpec): TradingSafety => ({
	apiVersion: "tradingsafety.dev/v1alpha1",
	kind: "TradingSafety",
	metadata: { name: "desk", uid: "u", resourceVersion: "1", generation: 4 },
	spec: { targets: [{ name: "bots", preset: "Bot", selector: { matchLabels: { part: "bots" } } }], ...spec },
	status: {
		modeInForce: "Normal",
		holds: [{ name: "PodsLeft/bots", message: "target bots: 1 pods not confirmed gone" }],
		targets: [{ name: "bots", effective: "Stop", fencedAs: "Pause", unconfirmedCount: 1 }],
		conditions: [
			{
				type: "Confirmed",
				status: "True",
				observedGeneration: 3,
				lastTransitionTime: "2026-01-01T00:00:00Z",
				reason: "Running",
				message: "of before",
			},
		],
	},
});

const seen = (object: TradingSafety | undefined): Seen => ({
	desk: object,
	pods: [
		{ part: "bots", stopping: true },
		{ part: "bots", stopping: false },
	],
	workloads: [{ name: "bot", part: "bots", replicas: 0, ready: 2 }],
	leader: "operator-b-1",
	replicas: [
		{ name: "a", identity: "operator-a-1", readiness: "ready", port: 1, log: "/a.log" },
		{ name: "b", identity: "operator-b-1", readiness: "not ready: no watch", port: 2, log: "/b.log" },
	],
	notes: [],
});

const help = { preparation: [], suggestions: [] };
const large = { columns: 200, rows: 60 };

test("the view does not show a confirmation of an older generation", (t) => {
	// Given a desk that was just raised; its condition still speaks of the generation before
	const object = desk({ mode: "Pause" });
	// When it is shown
	const text = stripVTControlCharacters(renderView(seen(object), help, large).join("\n"));
	// Then nothing of it counts as confirmed, and what is left is shown
	t.regex(text, /confirmed +not yet/);
	t.notRegex(text, /of before/);
	t.regex(text, /bots +Stop +Pause +1 +1 +1 +bot 2\/0/);
	t.regex(text, /a ready, b leads not ready: no watch; logs in \/$/m);
	t.regex(
		renderLine(seen(object)),
		/^Pause, in force Normal, confirmed not yet; pods: bots 1\+1 stopping; hold: target bots/,
	);
});

test("what the venue shows is in one line, and by account where there is room", (t) => {
	// Given a halt that is confirmed, and one account that takes risk all the same
	const row = { ordersPerSecond: 2.5, held: 10, profit: -1.5, riskSinceHalt: 0 };
	const market = [
		{ account: "momentum", ...row },
		{ account: "liar", ...row, riskSinceHalt: 7 },
	];
	const shown = (of: typeof market | undefined, rows = 60) =>
		stripVTControlCharacters(
			renderView({ ...seen(desk({ mode: "Pause" })), ...(of && { market: of }) }, help, {
				columns: 200,
				rows,
			}).join("\n"),
		);
	// When it is shown, then the one is named, and nothing is claimed of a venue that does not answer
	t.regex(
		shown(market),
		/5\.0 orders\/s, 20 units held, P&L -3\.00; .*confirmed: 0 by 1 accounts, 7 by liar$/m,
	);
	t.regex(shown(market), /^liar +2\.5 +10 +-1\.50 +7$/m);
	t.notRegex(shown(market, 14), /^liar/m);
	t.notRegex(shown(undefined), /orders\/s/);
	// And while no halt is confirmed, there is nothing to count
	t.notRegex(renderMarket([{ account: "a", ordersPerSecond: 1, held: 0, profit: 0 }]), /since the halt/);
});

test("without a desk the view says so and still shows the operator", (t) => {
	// Given no desk
	// When that is shown
	const text = stripVTControlCharacters(renderView(seen(undefined), help, large).join("\n"));
	// Then it is said
	t.regex(text, /The desk is not there/);
	t.regex(text, /operator-?/);
});

test("a view that is higher than the window is cut and says so", (t) => {
	// Given lines of which one takes three rows of the window
	const lines = ["one", "x".repeat(25), "three", "four"];
	// When there is room for all of them, and for fewer
	// Then they are whole, or cut with a hint in the last row
	t.deepEqual(cutToFit(lines, { columns: 10, rows: 6 }), lines);
	t.deepEqual(cutToFit(lines, { columns: 10, rows: 5 }), [
		"one",
		"x".repeat(25),
		"(2 more lines: make the window larger)",
	]);
});

test("each command is one that a shell takes apart as it was meant", (t) => {
	// Given names with a space and a quote, as a home directory may have
	const lines = preparation("/home/o'neil/my clusters/people", "/opt/kubectl");
	// When a shell reads them
	const { stdout } = spawnSync("sh", ["-c", `${lines[0]}; printf %s "$KUBECONFIG"`], { encoding: "utf8" });
	// Then they arrive whole
	t.is(stdout, "/home/o'neil/my clusters/people");
});

test("what is suggested suits the state", (t) => {
	// Given desks in several states
	const commands = (spec: TradingSafetySpec) =>
		suggestions(desk(spec), (person) => person)
			.map(({ command }) => command)
			.join("\n");
	// When commands are suggested
	// Then a lowering goes one allowed step, a request comes before its approval, and its reason is the same
	t.regex(commands({ mode: "Emergency" }), /"mode":"Pause","reason":"checked, back to Pause"/);
	t.notRegex(commands({ mode: "Emergency" }), /"mode":"Normal"/);
	t.notRegex(commands({ mode: "Normal" }), /reason/);
	const asked = commands({ mode: "Reduce", resetRequest: { reason: "checked, back to Normal" } });
	t.regex(
		asked,
		/ann-approves patch[\s\S]*"mode":"Normal","reason":"checked, back to Normal","resetRequest":null/,
	);
	t.notRegex(commands({ mode: "Pause", reset: { approvals: 1 } }), /lee-resets patch .*"mode":"Normal"/);
	t.regex(commands({ mode: "Pause", freeze: true }), /"freeze":false/);
	t.notRegex(commands({ mode: "Pause", freeze: true }), /"freeze":true/);
});

test("the smallest usual terminal still shows a command to try, a larger one the history and all commands", (t) => {
	// Given a desk with a history, and what there is to try
	const object = desk({
		mode: "Pause",
		reason: "looking",
		targets: deskObject("fx", playedDesk).spec.targets,
	});
	const rows = Array.from({ length: 5 }, (_, index) => ({
		generation: index,
		time: `2026-01-01T00:00:0${index}.000Z`,
		from: "Normal" as const,
		to: "Pause" as const,
		reason: `row ${index}`,
	}));
	const past = {
		...seen({ ...object, status: { ...object.status, history: rows } }),
		workloads: playedDesk.workloads.map((workload) => ({ ...workload, ready: workload.replicas })),
	};
	const advice = {
		preparation: preparation("/tmp/tradingsafety/people", `/home/a/${"long/".repeat(13)}kubectl`),
		suggestions: suggestions(object, (person) => person),
	};
	const shown = (room: Room) => stripVTControlCharacters(renderView(past, advice, room).join("\n"));
	// When it is shown in windows of several sizes
	const small = shown({ columns: 80, rows: 23 });
	const wide = shown({ columns: 200, rows: 60 });
	// Then the first is cut where it matters least, and each fits
	t.regex(small, /^export KUBECONFIG/m);
	t.regex(small, /^kubectl --context lee-resets patch .*"mode":"Normal"/m);
	t.regex(small, /\(\d more commands to try: make the window larger\)$/);
	const height = small.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0);
	t.true(height <= 23, small);
	t.notRegex(wide, /make the window larger/);
	t.regex(wide, /row 4[\s\S]*row 0/);
	t.regex(shown({ columns: 80, rows: 5 }), /\(\d+ more lines: make the window larger\)$/);
});

test("the view shows what the box shows, and the key that moves it", (t) => {
	const shown = (pressed: boolean, box: Omit<NonNullable<Seen["button"]>, "pressed">) =>
		stripVTControlCharacters(
			renderView({ ...seen(desk({ mode: "Normal" })), button: { pressed, ...box } }, help, large).join("\n"),
		);
	const green = { light: "Green", rhythm: "Steady", buzzer: false } as const;
	const alarm = { light: "Red", rhythm: "Fast", buzzer: true } as const;
	t.regex(shown(false, green), /e-stop +up, green steady \(key e presses it\)/);
	t.regex(shown(true, alarm), /e-stop +pressed, red fast, buzzer \(key e turns it free\)/);
	t.notRegex(stripVTControlCharacters(renderView(seen(desk({})), help, large).join("\n")), /e-stop/);
});

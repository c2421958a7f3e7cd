import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { type Command, commands, flags } from "../../../audit/cli/commands.ts";
import { parseOptions } from "../../../audit/cli/options.ts";
import { usage } from "../../../audit/cli/usage.ts";
import { viewOf } from "../../../audit/cli/views.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { call } from "./call.ts";

const own: Readonly<Record<string, string>> = {
	...{ "as-of": "2026-01-31", from: "2026-01-31", to: "2026-02-01", "not-after": "2026-01-31" },
	...{ output: "json", format: "csv", level: "hashes", endpoint: "http://a:1", "record-to": "http://a:1" },
	...{ retention: "1", "require-witness": "1", "from-index": "1" },
};

test("each command takes the options of its list, and names any other one that it is given", (t) => {
	for (const command of Object.keys(commands) as Command[]) {
		const { operand, options } = commands[command];
		const takes: readonly string[] = options;
		for (const [flag, { type }] of Object.entries(flags)) {
			// Given one option, with what it cannot be without
			const value = type === "boolean" ? [] : [own[flag] ?? "x"];
			const needsBucket = ["endpoint", "region", "deep"].includes(flag) && takes.includes("bucket");
			const args = [
				...[command, ...(operand ? ["1"] : []), `--${flag}`, ...value],
				...(needsBucket ? ["--bucket", "b"] : []),
			];
			// Then it is taken, or refused by its name
			const name = flag === "output" ? "-o" : `--${flag}`;
			if (takes.includes(flag)) t.notThrows(() => parseOptions(args), args.join(" "));
			else
				t.throws(() => parseOptions(args), {
					code: "USAGE",
					message: new RegExp(`^${command} does not take ${name} `),
				});
		}
		t.regex(usage, new RegExp(`^  ${command}( |$)`, "m"));
	}
});

/** What is asked for, and what is said of it. */
const wrong: readonly (readonly [readonly string[], RegExp])[] = [
	[["timeline", "--from", "2026-01-01"], /timeline does not take --from/],
	[["report", "-o", "json"], /report does not take -o/],
	[["export", "d", "--trail", "x"], /export does not take --trail/],
	[["toString"], /there is no command "toString"/],
	[["verify", "--trail", "x", "--region", "r"], /--region is about a bucket: give --bucket/],
	[["verify", "--trail", "x", "--deep"], /--deep is about a bucket: give --bucket/],
	[
		["doctor", "--bucket", "b", "--endpoint", "http://a b"],
		/--endpoint must be like https:\/\/HOST:PORT, got "http:\/\/a b"/,
	],
	[["doctor", "--bucket", "b", "--endpoint", "http://"], /--endpoint must be like/],
	[["report", "--from", "2027-01-01", "--to", "2026-01-01"], /--from must be before --to/],
	[["report", "--from", "2026-01-01", "--to", "2026-01-01"], /--from must be before --to/],
	[["report", "--from", "9999-01-01"], /--from must be before --to, which is now where it is left out/],
	[["report", "--from", "x 5"], /--from must be a time like/],
	[["verify", "--as-of", "99999"], /--as-of must be a time like/],
	[["offer", "k", "--not-after", "2026-02-30"], /--not-after must be a time like/],
	[["add-key", "f", "--record-to", "notaurl"], /--record-to must be like http:\/\/HOST:PORT, got "notaurl"/],
	[["revoke-key", "f", "--record-to", "ftp://a"], /--record-to must be like/],
];
for (const [args, words] of wrong) {
	test(`wrong use: ${args.join(" ")}`, async (t) => {
		const answer = await call(args);
		t.is(answer.code, 2, answer.out);
		t.regex(answer.err, /^tradingsafety-audit: [^\n]+\n$/);
		t.regex(answer.err, words);
	});
}

test("a time for at is read before the trail is", (t) => {
	for (const operand of ["01.02.2026", "x 5", "2026-01-31T12:00:00"]) {
		t.throws(() => viewOf(parseOptions(["at", operand]), () => {}), {
			code: "USAGE",
			message: /^the time must be/,
		});
	}
});

test("keys are not made where no folder can be: one line", async (t) => {
	const file = join(temporaryFolder(t, "keys"), "file");
	writeFileSync(file, "");
	for (const folder of [file, join(file, "x")]) {
		const answer = await call(["keys", folder]);
		t.is(answer.code, 1);
		t.regex(answer.err, /^tradingsafety-audit: .*file.* cannot be a folder, name another one: [^\n]+\n$/);
	}
});

test("what is no folder with a trail is said on one line that steers nothing", async (t) => {
	const folder = temporaryFolder(t, "trail");
	writeFileSync(join(folder, "file"), "");
	mkdirSync(join(folder, "\u001b[2Jx"));
	for (const [trail, words] of [
		[join(folder, "file"), /file is no folder/],
		[join(folder, "file", "x"), /file\/x is no folder/],
		[join(folder, "x".repeat(300)), /x is no folder/],
		[join(folder, "\u001b[2Jx"), /\\u001b\[2Jx holds no trail/],
	] as const) {
		const answer = await call(["verify", "--trail", trail]);
		t.is(answer.code, 2);
		t.regex(answer.err, /^tradingsafety-audit: [^\n]+\n$/);
		t.regex(answer.err, words);
	}
});

test("an entry that is there and not good is not said to be missing, and not shown", (t) => {
	// Given a trail of six entries, of which entry 3 was not seen to be good
	const said: string[] = [];
	const view = viewOf(parseOptions(["show", "3"]), (text) => said.push(text));
	const report = {
		level: "signatures",
		size: 6,
		root: Buffer.alloc(32),
		checkpoints: 2,
		witnesses: [],
	} as const;
	const finding = { code: "EntryChanged", object: "batch/0", index: 3, message: "" } as const;
	// Then it is not shown
	t.notThrows(() => view.end({ ...report, findings: [finding] }));
	t.deepEqual(said, []);
	// And one behind the end is missing
	const behind = viewOf(parseOptions(["show", "6"]), (text) => said.push(text));
	t.throws(() => behind.end({ ...report, findings: [] }), { code: "MISSING", message: /no entry 6/ });
});

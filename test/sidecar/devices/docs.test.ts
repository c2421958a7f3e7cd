import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { estopBox } from "../../../sidecar/devices/estop-box.ts";
import { descriptorHash, readOutput, reportDescriptor } from "../../../sidecar/devices/estop-box-wire.ts";
import { builtInProfiles } from "../../../sidecar/devices/profiles.ts";
import { bytes, hex } from "./bytes.ts";

const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");

test("who builds a box by its page builds one that the host understands", (t) => {
	// Given the rows of its tables that begin with bytes
	const page = read("estop-box.md");
	const rows = [...page.matchAll(/^\| `((?:[0-9A-F]{2} ?)+)` \| (.+?) \|$/gm)].map(
		([, code = "", text = ""]) => ({
			data: bytes(code),
			text,
		}),
	);
	const inputs = rows.filter(({ data }) => data.length === 8);
	const outputs = rows.filter(({ data }) => data.length === 4);
	const items = rows.filter(({ data }) => data.length < 4);
	t.deepEqual([inputs.length, outputs.length, items.length], [5, 5, 13]);
	// Then its reports are read as it says
	for (const { data, text } of inputs) {
		const reading = estopBox.decode?.(data);
		t.like(reading, {
			kind: "Reading",
			pressed: text.includes("pressed"),
			discrepant: text.includes("discrepant"),
			tampered: text.includes("enclosure open"),
			guardOpen: text.includes("guard open"),
		});
	}
	for (const { data, text } of outputs) {
		const { light, rhythm, buzzer } = readOutput(data)?.indication ?? {};
		const words = [light, rhythm === "Steady" ? undefined : rhythm, buzzer ? "with buzzer" : undefined];
		t.is(
			text,
			words
				.filter((word) => word !== undefined)
				.join(", ")
				.toLowerCase(),
		);
	}
	// And its descriptor is the one that the host looks for
	t.is(items.map(({ data }) => hex(data)).join(" "), hex(reportDescriptor));
	t.true(page.includes(descriptorHash));
});

test("the table of devices claims what the profiles claim", (t) => {
	const cells = read("devices.md")
		.split("\n")
		.filter((line) => line.startsWith("|"))
		.map((line) => line.split("|").map((cell) => cell.trim()));
	const names = cells.find(([, first]) => first === "profile")?.slice(2) ?? [];
	for (const { name, abilities } of builtInProfiles) {
		const cellOf = (row: string) =>
			cells.find(([, first]) => first === row)?.[names.indexOf(`\`${name}\``) + 2] ?? "";
		for (const [row, has] of [
			["button", abilities.button],
			["stays pressed (latched)", abilities.latching],
			["dual channel", abilities.dualChannel],
			["tamper loop", abilities.tamperLoop],
		] as const) {
			t.is(cellOf(row) === "yes", has, `${name}: ${row}`);
		}
		t.is(/^2 s/.test(cellOf("dead-man in the device")), abilities.deadMan, name);
		t.is(/colours/.test(cellOf("lights, sound")), abilities.lights, name);
		t.is(/buzzer/.test(cellOf("lights, sound")), abilities.sound, name);
		t.is(cellOf("tested on") === "untested: simulated reports only", abilities.tested === "Untested", name);
	}
});

test("each dangerous failure has what finds it, how soon, what then happens, and a test that exists", (t) => {
	// Given the tables of failures
	const rows = read("estop-faults.md")
		.split("\n")
		.filter((line) => line.startsWith("| ") && !/^\| (---|failure) /.test(line))
		.map((line) =>
			line
				.split("|")
				.slice(1, -1)
				.map((cell) => cell.trim()),
		);
	t.true(rows.length > 35);
	for (const row of rows) {
		// Then no cell is empty
		t.is(row.length, 5, row[0]);
		t.true(
			row.every((cell) => cell !== ""),
			row[0],
		);
		// And the last one names files with tests, and nothing else
		const files = [...(row[4] ?? "").matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file);
		t.true(files.length > 0, row[0]);
		t.is(row[4], files.map((file) => `\`${file}\``).join(", "));
		for (const file of files) {
			const url = new URL(`../../${file}`, import.meta.url);
			t.true(file.endsWith(".test.ts") && existsSync(url), `${row[0]}: ${file}`);
		}
	}
});

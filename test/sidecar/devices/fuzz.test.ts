import test from "ava";
import { genericButton } from "../../../sidecar/devices/generic-button.ts";
import { builtInProfiles } from "../../../sidecar/devices/profiles.ts";
import { bytes, hex, slowCrc } from "./bytes.ts";

const inputs = 1_000_000;
const whys: readonly string[] = ["Length", "Version", "Checksum", "Unknown"];
const samples: Readonly<Record<string, readonly Uint8Array[]>> = {
	"estop-box": [bytes("01 00 01 00 01 00 00 3d"), bytes("01 00 00 01 01 01 25 2c")],
	"big-red-button": [bytes("15 00 00 00 00 00 00 03"), bytes("16 00 00 00 00 00 00 03")],
	delcom: [bytes("ff fe 00 ff 00 00 00 00"), bytes("fe ff 00 ff 00 00 00 00")],
	fuzzed: [bytes("03 00 00"), bytes("03 00 04")],
};
const configured = genericButton({
	name: "fuzzed",
	vendorId: 1,
	productId: 1,
	reportId: 3,
	offset: 2,
	mask: 4,
	active: 4,
});

/** Numbers below `limit`, always the same for a seed (xorshift32). */
function numbersOf(seed: number): (limit: number) => number {
	let state = seed | 1;
	return (limit) => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) % limit;
	};
}

test("a million random, cut and damaged reports: none throws, and no damaged one presses", (t) => {
	t.timeout(120_000);
	// Given every device that reports, and a seed that is said when this fails
	const seed = Date.now() >>> 0;
	const below = numbersOf(seed);
	const reporting = [...builtInProfiles, configured].filter(({ decode }) => decode !== undefined);
	t.deepEqual(reporting.map(({ name }) => name).sort(), Object.keys(samples).sort());
	const wrong: string[] = [];
	const seen = new Set<string>();
	const flip = (report: Uint8Array) => {
		const bit = below(report.length * 8);
		report[bit >> 3] = (report[bit >> 3] ?? 0) ^ (1 << (bit & 7));
	};
	const makers: readonly ((sample: Uint8Array) => Uint8Array)[] = [
		() => Uint8Array.from({ length: below(20) }, () => below(256)),
		({ length }) => Uint8Array.from({ length }, () => below(256)),
		(sample) => sample.slice(0, below(sample.length)),
		(sample) => Uint8Array.from([...sample, below(256)]),
		(sample) => {
			const report = sample.slice();
			flip(report);
			return report;
		},
		(sample) => {
			const report = sample.slice();
			for (let flips = 2 + below(7); flips > 0; flips--) flip(report);
			return report;
		},
	];
	// When they get a million of them
	for (let count = 0; count < inputs && wrong.length < 10; count++) {
		const profile = reporting[count % reporting.length];
		const sample = samples[profile?.name ?? ""]?.[below(2)];
		const kind = below(makers.length);
		const report = sample === undefined ? undefined : makers[kind]?.(sample);
		if (profile?.decode === undefined || report === undefined) return t.fail("no sample");
		const found = answerOf(profile.decode, report);
		if (found === "Threw" || found === "Nonsense") wrong.push(`${profile.name} ${found}: ${hex(report)}`);
		seen.add(`${profile.name} ${found}`);
		if (profile.name !== "estop-box" || (found !== "Pressed" && found !== "Released")) continue;
		// Then only what is whole is read
		const isWhole = report.length === 8 && slowCrc(report.subarray(0, 7)) === report[7] && report[0] === 1;
		if (!isWhole || kind === 4) wrong.push(`estop-box ${found}: ${hex(report)}`);
	}
	t.deepEqual(wrong, [], `seed ${seed}`);
	// And each of them was also seen to read and to refuse, so that this proves something
	for (const { name } of reporting) {
		t.true(seen.has(`${name} Pressed`), name);
		t.true(seen.has(`${name} Released`), name);
		t.true(seen.has(`${name} Length`), name);
	}
	t.true(seen.has("estop-box Checksum"));
});

function answerOf(decode: (report: Uint8Array) => unknown, report: Uint8Array): string {
	try {
		const answer = decode(report) as { kind: string; pressed?: unknown; why?: string };
		if (answer.kind === "Reading" && typeof answer.pressed === "boolean") {
			return answer.pressed ? "Pressed" : "Released";
		}
		return answer.kind === "Malformed" && whys.includes(answer.why ?? "") ? (answer.why ?? "") : "Nonsense";
	} catch {
		return "Threw";
	}
}

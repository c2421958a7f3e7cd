import { descriptorHash, encodeOutput, flawOf, inputLength, wireVersion } from "./estop-box-wire.ts";
import type { Malformed, Profile, Reading } from "./profile.ts";

/** The reference box that docs/estop-box.md describes, by whoever it was built. */
export const estopBox: Profile = {
	name: "estop-box",
	title: "Reference e-stop box",
	abilities: {
		button: true,
		lights: true,
		sound: true,
		latching: true,
		dualChannel: true,
		tamperLoop: true,
		deadMan: true,
		tested: "Untested",
	},
	// By its format and not by numbers: makers have vendor ids of their own.
	identify: (info) => info.descriptorHash.toLowerCase() === descriptorHash,
	decode,
	staleAfterMilliseconds: 300,
	encode: (indication, { sequence }) => [
		{ kind: "Output", data: Uint8Array.from([0, ...encodeOutput(indication, sequence)]) },
	],
	refreshMilliseconds: 500,
};

function decode(report: Uint8Array): Reading | Malformed {
	const flaw = flawOf(report, inputLength);
	if (flaw !== undefined) return { kind: "Malformed", why: flaw };
	const [version, flags = 0, a, b, tamperLoop, sequence = 0] = report;
	// After the checksum: a flipped bit is no new version.
	if (version !== wireVersion) return { kind: "Malformed", why: "Version" };
	// Of a byte that should be 0 or 1 any other value counts as the alarm: this box does not work as it should.
	const aSaysPressed = a !== 1;
	const bSaysPressed = b !== 0;
	return {
		kind: "Reading",
		pressed: aSaysPressed || bSaysPressed,
		discrepant: aSaysPressed !== bSaysPressed || (a ?? 0) > 1 || (b ?? 0) > 1,
		tampered: tamperLoop !== 1,
		guardOpen: (flags & 1) === 1,
		sequence,
	};
}

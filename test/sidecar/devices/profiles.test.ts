import test from "ava";
import { isDeviceError } from "../../../sidecar/devices/error.ts";
import { descriptorHash } from "../../../sidecar/devices/estop-box-wire.ts";
import { builtInProfiles, configuredProfiles, profileOf } from "../../../sidecar/devices/profiles.ts";
import { someInterface } from "./bytes.ts";

const button = { name: "desk-button", vendorId: 0x1209, productId: 1, offset: 0, mask: 1, active: 1 };
const box = { ...someInterface, descriptorHash };

test("a device has the one profile that matches", (t) => {
	const nameOf = (info: typeof box, configured: readonly unknown[] = []) => {
		const answer = profileOf(info, configuredProfiles(configured));
		return answer.kind === "Profile" ? answer.profile.name : answer.kind;
	};
	t.is(nameOf(box), "estop-box");
	t.is(nameOf(someInterface, [button]), "desk-button");
	t.is(
		nameOf({ ...someInterface, vendorId: 0x1d34, productId: 0x0d, usagePage: 1, usage: 16 }),
		"big-red-button",
	);
	t.is(nameOf({ ...someInterface, vendorId: 0x0fc5, productId: 0xb080 }), "delcom");
	t.is(nameOf({ ...someInterface, vendorId: 0x27b8, productId: 0x01ed }), "blink1");
});

test("a device that no profile knows is named, with the remedy", (t) => {
	const answer = profileOf({ ...someInterface, usagePage: 1, usage: 6 }, []);
	t.deepEqual(answer, {
		kind: "NoProfile",
		why: '/dev/hidraw3 (1209:0001 "Desk 1", usage 0001:0006): no profile knows it; configure it as a button, or unplug it',
	});
});

test("a box whose descriptor cannot be read is not called a stranger", (t) => {
	const answer = profileOf({ ...box, descriptorHash: "" }, []);
	t.regex(answer.kind === "NoProfile" ? answer.why : "", /hidraw3 .*descriptor could not be read/);
});

test("two profiles that match are both named, with the remedy", (t) => {
	const answerTo = (info: typeof box, configured: readonly unknown[]) =>
		profileOf(info, configuredProfiles(configured));
	// A configured one beside a built-in one
	t.deepEqual(answerTo(box, [button]), {
		kind: "TwoProfiles",
		names: ["estop-box", "desk-button"],
		why: '/dev/hidraw3 (1209:0001 "Desk 1", usage ff00:0001): estop-box and desk-button match; remove desk-button from the configuration, or give it product or usagePage',
	});
	// Two configured ones
	const both = answerTo(someInterface, [button, { ...button, name: "other" }]);
	t.like(both, { kind: "TwoProfiles", names: ["desk-button", "other"] });
	t.regex(both.kind === "TwoProfiles" ? both.why : "", /give the configured ones product or usagePage/);
	// Two built-in ones: a light that speaks as a box
	const odd = answerTo({ ...box, vendorId: 0x27b8, productId: 0x01ed }, []);
	t.like(odd, { kind: "TwoProfiles", names: ["estop-box", "blink1"] });
	t.regex(odd.kind === "TwoProfiles" ? odd.why : "", /claims to be both/);
	// Until it says what it is
	t.like(
		answerTo(someInterface, [
			{ ...button, product: "Desk 1" },
			{ ...button, name: "other", product: "x" },
		]),
		{
			kind: "Profile",
		},
	);
});

test("a name that is taken is refused", (t) => {
	for (const list of [[button, button], [{ ...button, name: "estop-box" }]]) {
		const error = t.throws(() => configuredProfiles(list), { message: /there is another of this name/ });
		t.true(isDeviceError(error, "CONFIGURATION"));
	}
});

test("no profile claims more than was seen, and all say how their silence is noticed", (t) => {
	for (const {
		name,
		abilities,
		decode,
		encode,
		staleAfterMilliseconds,
		refreshMilliseconds,
	} of builtInProfiles) {
		t.is(abilities.tested, "Untested", name);
		t.is(decode !== undefined, abilities.button, name);
		t.is(encode !== undefined, abilities.lights, name);
		if (abilities.button) t.true((staleAfterMilliseconds ?? 1_000) <= 300, name);
		if (abilities.deadMan) t.true((refreshMilliseconds ?? 1_000) <= 500, name);
	}
});

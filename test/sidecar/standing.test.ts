import test from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { freshButton } from "../../sidecar/button.ts";
import type { HidInterface } from "../../sidecar/devices/profile.ts";
import type { Raise } from "../../sidecar/raise.ts";
import { Standing } from "../../sidecar/standing.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";
import { deskOf } from "../core/desk.ts";
import { pinOf } from "./world.ts";

const pinning = (...serials: readonly string[]) =>
	deskOf({ mode: "Normal", estop: { devices: serials.map(pinOf), onTamper: "Reduce" } });

/** Desks that come to be known, and what is raised there. */
function startWorld() {
	const desks = new Map<string, TradingSafety>();
	const raised: { readonly namespace: string; readonly raise: Raise }[] = [];
	let known = false;
	const there = new Set<string>();
	const standing = new Standing({
		desks: () => desks,
		areDesksKnown: () => known,
		isThere: (serial) => there.has(serial),
		isLent: () => false,
		now: () => "2030-01-01T00:00:00Z",
		raise: (namespace, raise) => {
			raised.push({ namespace, raise });
			return { namespace, raise, shown: Promise.resolve() };
		},
	});
	const look = (info: HidInterface, pressed: boolean) =>
		standing.look({ info, state: { ...freshButton(0), pressed } });
	const news = () => raised.splice(0).map(({ namespace, raise }) => `${namespace} ${raise.trip.type}`);
	return {
		...{ standing, desks, there, look, news },
		know: () => {
			known = true;
		},
	};
}

test("a press before anybody knows the desks is raised once they are known, though it was let go", (t) => {
	// Given a button that is pressed and let go before any API server has answered
	const { standing, desks, look, news, know } = startWorld();
	const box = boxInfo("EARLY");
	look(box, true);
	standing.end(box.path, "Button");
	look(box, false);
	t.deepEqual(news(), []);
	// When the desks become known one after the other, then each that pins it is raised once
	desks.set("a", pinning("EARLY"));
	look(box, false);
	desks.set("b", pinning("EARLY", "OTHER"));
	look(box, false);
	desks.set("c", pinning("OTHER"));
	look(box, false);
	know();
	look(box, false);
	t.deepEqual(news(), ["a Button", "b Button"]);
	// And a desk that pins it later on is not; the next press raises all of them
	desks.set("d", pinning("EARLY"));
	look(box, false);
	t.deepEqual(news(), []);
	standing.end(box.path, "Button");
	look(box, true);
	t.deepEqual(news(), ["a Button", "b Button", "d Button"]);
});

test("a button that is pressed when nobody pins it, and all desks are known, raises nothing later", (t) => {
	const { desks, look, news, know, standing } = startWorld();
	know();
	look(boxInfo("SPARE"), true);
	standing.end(boxInfo("SPARE").path, "Button");
	desks.set("a", pinning("SPARE"));
	look(boxInfo("SPARE"), false);
	t.deepEqual(news(), []);
});

test("what is seen twice in the place of a device raises once, until it is gone", (t) => {
	// Given a pinned box, and something with its serial that speaks otherwise
	const { standing, desks, news, know } = startWorld();
	know();
	desks.set("a", pinning("MINE"));
	const real = boxInfo("MINE");
	const evil = { ...boxInfo("MINE", "/dev/evil"), descriptorHash: "1".repeat(64) };
	// When it is listed for the first time, or cannot be read, then it may be on its way out
	standing.lookAround([real, evil]);
	for (const _ of [1, 2]) standing.lookAround([real, { ...evil, descriptorHash: "" }]);
	t.deepEqual(news(), []);
	// When it stays, then it raises, once
	for (const _ of [1, 2, 3]) standing.lookAround([real, evil]);
	t.deepEqual(news(), ["a Impostor"]);
	t.deepEqual(standing.impostorsOf("MINE"), ["/dev/evil"]);
	// When it has gone and comes again, then once more
	standing.lookAround([real]);
	t.deepEqual(standing.impostorsOf("MINE"), []);
	for (const _ of [1, 2, 3]) standing.lookAround([real, evil]);
	t.deepEqual(news(), ["a Impostor"]);
});

test("the numbers of a device that is gone, and was here, are an impostor's; a spare's are not", (t) => {
	const { standing, desks, there, look, news, know } = startWorld();
	know();
	desks.set("a", pinning("MINE"));
	const { vendorId, productId } = boxInfo("MINE");
	const toy = { ...boxInfo("", "/dev/toy"), product: "Toy", descriptorHash: "2".repeat(64) };
	const twice = (...found: readonly HidInterface[]) => {
		for (const _ of [1, 2]) standing.lookAround(found);
	};
	// Given that nobody has seen the pinned one here
	twice(toy);
	t.deepEqual(news(), []);
	// And that it is here beside
	there.add("MINE");
	look(boxInfo("MINE"), false);
	twice(toy, boxInfo("MINE"));
	t.deepEqual(news(), []);
	// When it is gone, then what has its numbers is in its place, and what has others is not
	there.delete("MINE");
	twice(toy);
	t.deepEqual(news(), ["a Impostor"]);
	t.deepEqual(standing.impostorsOf("MINE"), ["/dev/toy"]);
	// When it is back, then the other is a spare again
	there.add("MINE");
	twice(toy, boxInfo("MINE"));
	t.deepEqual(standing.impostorsOf("MINE"), []);
	there.delete("MINE");
	twice({ ...toy, vendorId: vendorId + 1 }, { ...toy, path: "/dev/x", productId: productId + 1 });
	t.deepEqual(news(), []);
});

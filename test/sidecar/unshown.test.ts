import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { SidecarError } from "../../sidecar/error.ts";
import { type DeskRaise, UnshownRaises } from "../../sidecar/unshown.ts";
import { temporaryFolder } from "../support/folder.ts";

const press = (namespace: string, id: string): DeskRaise => ({
	namespace,
	raise: { mode: "Emergency", trip: { id, source: "BOX", at: "2026-01-01T00:00:00Z", type: "Button" } },
});

function unshown(t: ExecutionContext, dir = temporaryFolder(t, "unshown")) {
	const errors: SidecarError[] = [];
	return { dir, errors, raises: new UnshownRaises(dir, (error) => errors.push(error)) };
}

test("what no desk shows is there for the next process, what is shown is not", async (t) => {
	// Given presses at two desks, of which one shows it
	const { dir, errors, raises } = unshown(t);
	t.deepEqual(await raises.load(), []);
	for (const one of [press("a", "1"), press("a", "2"), press("b", "3")]) raises.add(one);
	raises.remove(press("b", "3"));
	await raises.settled();
	// When another process begins, then it finds the others
	const next = unshown(t, dir);
	const left = await next.raises.load();
	t.deepEqual(
		left.toSorted((x, y) => x.raise.trip.id.localeCompare(y.raise.trip.id)),
		[press("a", "1"), press("a", "2")],
	);
	// And once they are shown nothing is left
	for (const one of left) next.raises.remove(one);
	await next.raises.settled();
	t.deepEqual(readdirSync(dir), []);
	t.deepEqual([...errors, ...next.errors], []);
});

test("a file that is torn or of somebody else is named and left alone, half a write is nothing", async (t) => {
	const { dir, errors, raises } = unshown(t);
	const { raise } = press("a", "1");
	const wrong = {
		"torn.json": '{"namespace":"a","raise":{"mo',
		"null.json": "null",
		"mode.json": JSON.stringify({ namespace: "a", raise: { ...raise, mode: "Off" } }),
		"trip.json": JSON.stringify({ namespace: "a", raise: { mode: "Pause", trip: { id: 7 } } }),
	};
	for (const [name, content] of Object.entries(wrong)) writeFileSync(join(dir, name), content);
	writeFileSync(join(dir, "a.1.json.new"), "{");
	t.deepEqual(await raises.load(), []);
	t.is(errors.length, 4);
	for (const name of Object.keys(wrong)) t.true(errors.some(({ message }) => message.includes(name)));
	t.is(readdirSync(dir).length, 5);
});

test("a disk that takes nothing is told of, for each press, and throws nothing", async (t) => {
	// Given a folder that cannot be written to
	const { errors, raises } = unshown(t, "/dev/full/state");
	t.deepEqual(await raises.load(), []);
	raises.add(press("a", "1"));
	await raises.settled();
	t.is(errors.length, 2);
	t.true(errors.every(({ code, message }) => code === "STATE" && message.includes("/dev/full/state")));
	raises.remove(press("a", "1"));
	await raises.settled();
});

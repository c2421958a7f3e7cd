import { EventEmitter } from "node:events";
import test from "ava";
import { hearKeys } from "../../dev/demo/keys.ts";

/** As much of a terminal as is used, with what was done to it. */
class Terminal extends EventEmitter {
	isTTY = true;
	readonly done: string[] = [];
	setRawMode(raw: boolean) {
		this.done.push(`raw ${raw}`);
		return this;
	}
	setEncoding() {
		return this;
	}
	resume() {
		return this;
	}
	pause() {
		this.done.push("pause");
		return this;
	}
}

test("single keys are heard at a terminal, Ctrl-C too, and the terminal is left as it was", (t) => {
	// Given a terminal
	const terminal = new Terminal();
	const heard: string[] = [];
	const unhear = hearKeys(
		(key) => heard.push(key),
		() => heard.push("interrupted"),
		terminal as unknown as NodeJS.ReadStream,
	);
	// When keys are pressed, and Ctrl-C
	terminal.emit("data", "ex");
	terminal.emit("data", "\x03");
	t.deepEqual(heard, ["e", "x", "interrupted"]);
	unhear();
	// Then the terminal is as before, and nothing more is heard
	terminal.emit("data", "e");
	t.is(heard.length, 3);
	t.deepEqual(terminal.done, ["raw true", "raw false", "pause"]);
});

test("where there is no terminal nothing is heard", (t) => {
	const input = Object.assign(new Terminal(), { isTTY: false });
	const fail = () => t.fail();
	hearKeys(fail, fail, input as unknown as NodeJS.ReadStream)();
	input.emit("data", "e");
	t.deepEqual(input.done, []);
});

import test from "ava";
import { DemoError } from "../../dev/demo/errors.ts";
import { parseCommand } from "../../dev/demo/options.ts";

const complaint = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
	try {
		return JSON.stringify(parseCommand(args, env));
	} catch (error) {
		if (error instanceof DemoError && error.code === "Usage") return error.message.split("\n")[0];
		throw error;
	}
};

test("the value of --use-kubeconfig may be left out", (t) => {
	// Given the ways to write it
	const guest = { kind: "Guest", once: false, image: "busybox:1.37", agreed: false } as const;
	// When they are read
	// Then the file is there or not, and the image has a default
	t.deepEqual(parseCommand(["--use-kubeconfig"], {}), { ...guest, file: undefined, context: undefined });
	for (const args of [["--use-kubeconfig", "f"], ["--use-kubeconfig=f"], ["f", "--use-kubeconfig"]]) {
		t.deepEqual(parseCommand(args, {}), { ...guest, file: "f", context: undefined });
	}
	t.deepEqual(parseCommand(["--use-kubeconfig", "--once", "--context", "c", "--image", "i", "--yes"], {}), {
		...guest,
		once: true,
		image: "i",
		agreed: true,
		file: undefined,
		context: "c",
	});
});

test("options that make no sense together are refused", (t) => {
	// Given command lines that a person may write by mistake
	// When they are read
	// Then each is refused in words that say what to change
	t.is(complaint(["--yes"]), "--yes goes with --use-kubeconfig");
	t.is(complaint(["--remove"]), "--remove goes with --use-kubeconfig");
	t.is(complaint(["once"]), "unexpected: once");
	t.is(complaint(["--use-kubeconfig", "a", "b"]), "unexpected: b");
	t.is(complaint(["--twice"]), "Unknown option '--twice'");
	t.regex(complaint(["--use-kubeconfig", "--remove", "--once"]) ?? "", /^--remove starts nothing/);
	t.deepEqual(parseCommand(["--help", "--twice"].slice(0, 1), {}), { kind: "Help" });
});

test("an option that npm took for itself is not forgotten", (t) => {
	// Given `npm start --once` and `npm start --use-kubeconfig`: npm hands no word of it on
	// When they are read
	// Then the person is told how to write it, instead of getting the other demo
	t.regex(complaint([], { npm_config_once: "true" }) ?? "", /npm start -- --once/);
	t.regex(complaint([], { npm_config_use_kubeconfig: "true" }) ?? "", /npm start -- --use-kubeconfig/);
});

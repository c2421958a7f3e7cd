import test from "ava";
import { OperatorError } from "../../operator/error.ts";
import { parseOptions } from "../../operator/options.ts";

test("API servers may be named several times, with or without a slash at the end", (t) => {
	// Given two, when they are read, then both are origins
	const args = ["--api-server", "https://10.0.0.2:6443", "--api-server", "https://[fd00::3]:6443/"];
	t.deepEqual(parseOptions(args).apiServers, ["https://10.0.0.2:6443", "https://[fd00::3]:6443"]);
	t.deepEqual(parseOptions([]).apiServers, []);
});

for (const value of [
	"10.0.0.2:6443",
	"http://10.0.0.2:6443",
	"https://10.0.0.2/path",
	"https://u:p@10.0.0.2",
	"",
]) {
	test(`an API server must be an https origin: "${value}"`, (t) => {
		// Given something else, when it is read, then it is refused by name
		const error = t.throws(() => parseOptions(["--api-server", value]), { instanceOf: OperatorError });
		t.is(error?.code, "USAGE");
		t.true(error?.message.includes(`got "${value}"`));
	});
}

test("credentials come from one place", (t) => {
	// Given both, when they are read, then it is refused
	const both = ["--kubeconfig", "a", "--service-account", "b"];
	t.is(t.throws(() => parseOptions(both), { instanceOf: OperatorError })?.code, "USAGE");
	t.like(parseOptions(["--service-account", "b"]), { serviceAccount: "b" });
});

import test from "ava";
import { SidecarError } from "../../sidecar/error.ts";
import { parseOptions, usage } from "../../sidecar/options.ts";

const all = {
	"--record-spool": "/spool",
	"--record-key": "/key.pem",
	"--record-log": "log",
	"--record-to": "http://trail:8086",
};

test("a record is kept where all four options are given, and none where none is", (t) => {
	const { record } = parseOptions(Object.entries(all).flat());
	t.deepEqual(record, { dir: "/spool", key: "/key.pem", log: "log", url: "http://trail:8086" });
	t.false("record" in parseOptions([]));
	for (const option of Object.keys(all)) t.true(usage.includes(option));
});

test("some of them are refused, naming those that are missing", (t) => {
	for (const left of Object.keys(all)) {
		const given = Object.entries(all).filter(([name]) => name !== left);
		const error = t.throws(() => parseOptions(given.flat()), { instanceOf: SidecarError });
		t.is(error?.code, "USAGE");
		t.regex(error?.message ?? "", new RegExp(left));
		t.notRegex(error?.message ?? "", new RegExp(given[0]?.[0] ?? ""));
	}
	const wrong = { ...all, "--record-to": "ftp://x" };
	t.throws(() => parseOptions(Object.entries(wrong).flat()), { message: /--record-to must be like http/ });
});

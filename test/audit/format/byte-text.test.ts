import test from "ava";
import fc from "fast-check";
import { ByteText } from "../../../audit/format/byte-text.ts";

test("what was written is there byte by byte, however much room there was", (t) => {
	const latin1 = fc.string({
		unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)),
	});
	fc.assert(
		fc.property(fc.array(latin1), fc.nat(64), (texts, room) => {
			const written = new ByteText(room);
			for (const text of texts) written.append(text);
			const all = texts.join("");
			return written.length === all.length && written.bytes().equals(Buffer.from(all, "latin1"));
		}),
	);
	t.pass();
});

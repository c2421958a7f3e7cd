import test from "ava";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import type { FindingCode } from "../../../audit/verify/finding.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

const entries = signerFor("Entries");
const stolen = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey, stolen.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

const by = (key: typeof entries, epoch: string, counter: number) =>
	signed(key, entryOf(counter, { writer: { id: "op", epoch, counter }, time: entryOf(0).time }));

async function findingsOf(
	all: readonly ReturnType<typeof by>[],
): Promise<readonly [FindingCode, number | undefined][]> {
	const store = await forge([await Promise.all(all)], signer, keys);
	const { findings } = await verify(store, trust);
	return findings.map(({ code, index }) => [code, index]);
}

test("an entry between those of a writer that another key has signed is told of, and those after it are good", async (t) => {
	const all = [by(entries, "e1", 0), by(stolen, "e1", 1), by(entries, "e1", 1), by(stolen, "e2", 0)];
	t.deepEqual(await findingsOf(all), [["WriterKeyChanged", 1]]);
});

test("what a writer said long ago is told of when it comes once more", async (t) => {
	const epochs = ["e1", "e2", "e3", "e4", "e5"].map((epoch) => by(entries, epoch, 0));
	t.deepEqual(await findingsOf([...epochs, by(entries, "e2", 0), by(entries, "e1", 0)]), [
		["CounterRepeated", 5],
		["CounterRepeated", 6],
	]);
	// A later one is a new one
	t.deepEqual(await findingsOf([...epochs, by(entries, "e6", 0)]), []);
});

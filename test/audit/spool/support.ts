import { readdirSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { decodeEntry } from "../../../audit/entry.ts";
import type { SpoolFiles } from "../../../audit/spool/files.ts";
import { type Make, Spool } from "../../../audit/spool/spool.ts";
import { entryOf, signed, signerFor } from "../entries.ts";

export const signer = signerFor("Entries");
/** Makes a small entry. */
export const make: Make = ({ epoch, counter }) =>
	signed(signer, entryOf(counter, { writer: { id: "w", epoch, counter } }));

/** Opens a spool for the time of a test. */
export async function open(t: ExecutionContext, dir: string, files?: SpoolFiles): Promise<Spool> {
	const spool = await Spool.open(dir, files);
	t.teardown(() => spool.close());
	return spool;
}

/** Appends so many small entries. */
export async function append(spool: Spool, count: number): Promise<readonly number[]> {
	return Promise.all(Array.from({ length: count }, () => spool.append(make)));
}

/** What each entry says itself of its place. */
export async function places(spool: Spool): Promise<readonly string[]> {
	return (await spool.oldest(Number.POSITIVE_INFINITY)).map(({ signed }) => {
		const { epoch, counter } = decodeEntry(signed.entry).writer;
		return `${epoch} ${counter}`;
	});
}
/** The same of all epochs: what is handed over goes into the log. */
export async function handedOver(spool: Spool): Promise<readonly string[]> {
	const all: string[] = [];
	while (spool.length > 0) {
		all.push(...(await places(spool)));
		await spool.done(await spool.oldest(Number.POSITIVE_INFINITY));
	}
	return all;
}
/** The places of an epoch from one counter up to another. */
export const expected = (epoch: string, from: number, end: number) =>
	Array.from({ length: end - from }, (_, at) => `${epoch} ${from + at}`);
/** Files with entries. */
export const segmentsIn = (dir: string) => readdirSync(dir).filter((name) => name.endsWith(".log"));

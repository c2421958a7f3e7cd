import { createPublicKey } from "node:crypto";
import { text } from "node:stream/consumers";
import { witnessVerifier } from "../audit/format/cosignature.ts";
import { parseVerifierKey } from "../audit/format/keys.ts";
import { hashesAt } from "../audit/format/tiles.ts";
import { checkpointPath, folders, manifestPath, numberOf } from "../audit/layout.ts";
import { initialKeys } from "../audit/log/key-ring.ts";
import { lastNumbered, type Reading } from "../audit/store/store.ts";
import { verify } from "../audit/verify/verify.ts";
import { openBucket } from "./bucket.ts";
import type { TrailOptions } from "./options.ts";
import type { VerifyOutcome } from "./self-verifier.ts";

/** What the trail gives its child, as JSON on standard input. */
export type VerifyJob = Pick<TrailOptions, "origin" | "witness"> & {
	readonly bucket: { readonly name: string; readonly endpoint?: string; readonly region: string };
	/** PEM. */
	readonly logKeys: readonly string[];
	readonly entryKeys: readonly string[];
	/** Checkpoints that were found good before: the log must have grown from them. */
	readonly remembered: readonly string[];
};

/**
 * The log as it was at this size. Rounds go on while it is verified: what belongs to one that had not ended is none of this
 * verification.
 */
export function upTo(reading: Reading, size: number): Reading {
	const isWithin = (key: string) => {
		const number = numberOf(key);
		if (number !== undefined) {
			const isEnd = key === checkpointPath(number) || key === manifestPath(number);
			return isEnd ? number <= size : number < size;
		}
		const [, level = "0", groups, width = "256"] =
			/^tile\/(\d+|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?$/.exec(key) ?? [];
		// What is no key of a log is told of.
		if (groups === undefined) return true;
		const index = Number(groups.replaceAll(/[x/]/g, ""));
		return index * 256 + Number(width) <= hashesAt(level === "entries" ? 0 : Number(level), size);
	};
	return {
		get: (key) => reading.get(key),
		list: async (prefix, options) => (await reading.list(prefix, options)).filter(isWithin),
	};
}

async function run({
	bucket,
	origin,
	logKeys,
	entryKeys,
	witness,
	remembered,
}: VerifyJob): Promise<VerifyOutcome> {
	const { endpoint } = bucket;
	const store = openBucket({ bucket: { ...bucket, endpoint } }, 0);
	try {
		const size = (await lastNumbered(store, folders.manifest, numberOf)) ?? 0;
		const trust = {
			...{ origin, logKeys: logKeys.map((pem) => createPublicKey(pem)) },
			keys: initialKeys(entryKeys.map((pem) => createPublicKey(pem))),
			witnesses: witness === undefined ? [] : [witnessOf(witness.vkey)],
		};
		const report = await verify(upTo(store, size), trust, { remembered });
		const [first] = report.findings;
		const checkpoint = size === 0 ? undefined : (await store.get(checkpointPath(size)))?.toString();
		return {
			...{ size: report.size, root: report.root.toString("base64"), checkpoints: report.checkpoints },
			findings: report.findings.length,
			...(first !== undefined && { first: `${first.code} ${first.object}: ${first.message}` }),
			...(checkpoint !== undefined && { checkpoint }),
		};
	} finally {
		store.close();
	}
}

function witnessOf(vkey: string) {
	const { name, key } = parseVerifierKey(vkey);
	return witnessVerifier(name, key);
}

if (import.meta.main) {
	process.stdout.write(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as VerifyJob)));
}

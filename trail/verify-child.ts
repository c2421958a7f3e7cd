import { createPublicKey } from "node:crypto";
import { text } from "node:stream/consumers";
import { witnessVerifier } from "../audit/format/cosignature.ts";
import { parseVerifierKey } from "../audit/format/keys.ts";
import { checkpointPath } from "../audit/layout.ts";
import { initialKeys } from "../audit/log/key-ring.ts";
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

/** How long a round that is under way may take to end. */
const settleMilliseconds = 30_000;

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
		const trust = {
			...{ origin, logKeys: logKeys.map((pem) => createPublicKey(pem)) },
			keys: initialKeys(entryKeys.map((pem) => createPublicKey(pem))),
			witnesses: witness === undefined ? [] : [witnessOf(witness.vkey)],
		};
		const report = await verify(store, trust, { remembered, settleMilliseconds });
		const [first] = report.findings;
		const { size } = report;
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

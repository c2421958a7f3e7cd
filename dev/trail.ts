import { createPublicKey } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { newKey } from "../audit/signer.ts";
import { parseOptions } from "../trail/options.ts";
import { startTrail } from "../trail/trail.ts";
import type { ObjectStore } from "./stores/server.ts";
import { startVersitygw } from "./stores/versitygw.ts";

// The trail of the demo, with an object store of its own: node dev/trail.ts --dir DIR --writer NAME... Keys for everybody are made in
// DIR. Prints a line of JSON when it takes entries: a RecordPlace. Ends with whoever started it, and the store with it.

/** Where the record of a demo is, for whoever writes to it or checks it. */
export type RecordPlace = {
	readonly url: string;
	readonly origin: string;
	readonly bucket: string;
	readonly endpoint: string;
	/** Files with public keys: of entries, and of checkpoints. */
	readonly entryKeys: readonly string[];
	readonly logKey: string;
	/** Shell file that sets the credentials of the store. */
	readonly credentials: string;
	/** Folder with the private key of each writer, NAME.pem. */
	readonly keys: string;
};

const origin = "record.demo";
const bucket = "record";
/** The store goes with the demo, whatever it has promised. */
const retentionDays = "1";

const { values } = parseArgs({
	options: { dir: { type: "string" }, writer: { type: "string", multiple: true, default: [] } },
});
const { dir, writer: writers } = values;
if (dir === undefined) throw new Error("usage: node dev/trail.ts --dir DIR --writer NAME...");
const keys = join(dir, "keys");
mkdirSync(keys, { recursive: true, mode: 0o700 });

/** Makes a key; the result is the file of its public half. */
function makeKey(name: string, purpose: "Entries" | "Checkpoints"): string {
	const pem = newKey(purpose);
	writeFileSync(join(keys, `${name}.pem`), pem, { mode: 0o600 });
	const path = join(keys, `${name}.pub`);
	writeFileSync(path, createPublicKey(pem).export({ type: "spki", format: "pem" }));
	return path;
}

async function makeBucket({ url, region, credentials }: ObjectStore): Promise<void> {
	const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true });
	try {
		await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
	} finally {
		client.destroy();
	}
}

const store = await startVersitygw(join(dir, "store"));
// Whatever ends this process ends the store.
process.once("exit", () => {
	try {
		process.kill(store.pid, "SIGKILL");
	} catch {
		// It has ended already, which is what was wanted.
	}
});
await makeBucket(store);
const logKey = makeKey("log", "Checkpoints");
const entryKeys = ["trail", ...writers].map((name) => makeKey(name, "Entries"));
const { accessKeyId, secretAccessKey } = store.credentials;
const credentials = join(dir, "credentials.sh");
writeFileSync(
	credentials,
	`export AWS_ACCESS_KEY_ID=${accessKeyId}\nexport AWS_SECRET_ACCESS_KEY=${secretAccessKey}\n`,
	{ mode: 0o600 },
);
process.env.AWS_ACCESS_KEY_ID = accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey;
const trail = await startTrail(
	parseOptions([
		...["--origin", origin, "--log-key", join(keys, "log.pem"), "--key", join(keys, "trail.pem")],
		...entryKeys.flatMap((path) => ["--entry-key", path]),
		...["--bucket", bucket, "--endpoint", store.url, "--region", store.region],
		...["--retention-days", retentionDays, "--spool", join(dir, "spool"), "--identity", "trail"],
		...["--http-port", "0"],
	]),
);
process.once("SIGTERM", () => {
	trail.stop().then(
		() => store.stop().then(() => process.exit(0)),
		(error: unknown) => {
			console.error(error);
			process.exit(1);
		},
	);
});
const place: RecordPlace = {
	...{ url: `http://127.0.0.1:${trail.httpPort}`, origin, bucket, endpoint: store.url },
	...{ entryKeys, logKey, credentials, keys },
};
console.log(JSON.stringify(place));

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { ExecutionContext } from "ava";
import { S3Store } from "../../../audit/store/s3.ts";
import { startSeaweedfs } from "../../../dev/stores/seaweedfs.ts";
import type { ObjectStore } from "../../../dev/stores/server.ts";
import { startVersitygw } from "../../../dev/stores/versitygw.ts";
import { temporaryFolder } from "../../support/folder.ts";

/** Long enough for a test, so short that nothing is locked for long. */
export const retentionSeconds = 600;

/** The real stores that everything is tried on. */
export const realStores: Readonly<Record<string, (folder: string) => Promise<ObjectStore>>> = {
	versitygw: startVersitygw,
	SeaweedFS: startSeaweedfs,
};

/** One of them, for a whole test file. */
export async function openStore(t: ExecutionContext, start: (folder: string) => Promise<ObjectStore>) {
	const server = await start(temporaryFolder(t, "store"));
	t.teardown(() => server.stop());
	const admin = new S3Client({
		endpoint: server.url,
		region: server.region,
		credentials: server.credentials,
		forcePathStyle: true,
	});
	t.teardown(() => admin.destroy());
	const bucket = async (name: string, withLock = true): Promise<S3Store> => {
		await admin.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: withLock }));
		return reach(name);
	};
	const reach = (name: string, rest: object = {}): S3Store => {
		const store = new S3Store({
			...{ bucket: name, region: server.region, endpoint: server.url, credentials: server.credentials },
			retentionSeconds,
			...rest,
		});
		t.teardown(() => store.close());
		return store;
	};
	return { server, admin, bucket, reach };
}

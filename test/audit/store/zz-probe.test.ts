import { DeleteObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import test from "ava";
import { openStore, realStores } from "./stores.ts";
for (const [name, start] of Object.entries(realStores)) {
	test.serial(`${name}: probe`, async (t) => {
		t.timeout(600_000);
		const { admin, bucket } = await openStore(t, start);
		const store = await bucket("trail");
		for (const k of ["batch/1", "batch/2", "batch/3", "batch/4"]) await store.put(k, Buffer.from(k));
		for (let i = 0; i < 4; i++) await admin.send(new DeleteObjectCommand({ Bucket: "trail", Key: "batch/2" }));
		await admin.send(new DeleteObjectCommand({ Bucket: "trail", Key: "batch/nothing" }));
		for (let i = 0; i < 2; i++) await admin.send(new PutObjectCommand({ Bucket: "trail", Key: "batch/3", Body: "x" }));
		const show = async (rest: object) => {
			const a = await admin.send(new ListObjectVersionsCommand({ Bucket: "trail", Prefix: "batch/", ...rest }));
			t.log(JSON.stringify(rest), (a.Versions ?? []).map((v) => `${v.Key} ${v.VersionId}`), (a.DeleteMarkers ?? []).map((v) => `M ${v.Key} ${v.VersionId}`), a.IsTruncated, a.NextKeyMarker, a.NextVersionIdMarker);
			return a;
		};
		await show({});
		await show({ KeyMarker: "batch/1" });
		await show({ KeyMarker: "batch/2~" });
		await show({ KeyMarker: "batch/00" });
		let a = await show({ MaxKeys: 3 });
		for (let i = 0; i < 5 && a.IsTruncated; i++) a = await show({ MaxKeys: 3, KeyMarker: a.NextKeyMarker, VersionIdMarker: a.NextVersionIdMarker });
		await show({ MaxKeys: 1, KeyMarker: "batch/1" });
		await show({ MaxKeys: 3, KeyMarker: "batch/2" });
		const r = await admin.send(new PutObjectCommand({ Bucket: "trail", Key: "batch/2", Body: "zz", IfNoneMatch: "*" })).then((x) => `allowed ${x.VersionId}`, (e) => String(e));
		t.log("over marker:", r);
		t.log(await store.put("batch/2", Buffer.from("batch/2")).then(JSON.stringify, String));
		t.pass();
	});
}

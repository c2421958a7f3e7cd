import { createPrivateKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Entry } from "../../audit/entry.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { keySigner, newKey } from "../../audit/signer.ts";
import { verify } from "../../audit/verify/verify.ts";
import { temporaryFolder } from "../support/folder.ts";
import { TestTrail } from "../support/trail.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";

const origin = "log.example";

/** A desk of bots with replicas that keep a record. */
export async function recorded(
	t: ExecutionContext,
	{ replicas = 1, spec = {} }: { replicas?: number; spec?: object } = {},
) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1 });
	const folder = temporaryFolder(t, "record");
	const key = newKey("Entries");
	writeFileSync(join(folder, "key.pem"), key);
	const keys = initialKeys([keySigner(createPrivateKey(key)).publicKey]);
	const signer = keySigner(createPrivateKey(newKey("Checkpoints")));
	const trail = await TestTrail.start(t, { origin, signer, keys });
	const start = (name: string, dir = join(folder, name)) =>
		startReplica(t, desk, {
			args: [
				...["--record-spool", dir, "--record-key", join(folder, "key.pem")],
				...["--record-log", origin, "--record-to", trail.url],
			],
		});
	const running = [];
	for (let at = 0; at < replicas; at += 1) running.push(await start(`replica-${at}`));
	await desk.govern({ targets: [target("bots", "Bot")], ...spec });
	await desk.confirmed("Pause");
	/** What a third party says who has the keys and what is in the store. */
	const judged = () =>
		verify(
			trail.store,
			{ origin, logKeys: [signer.publicKey], keys, witnesses: [], requireWitnesses: 0 },
			{ settleMilliseconds: 30_000 },
		);
	return { desk, trail, folder, start, replicas: running, judged };
}

/** An entry in two words. */
export const word = ({ kind, action }: Entry) => `${kind} ${action}`;
/** What the trail has of a desk. */
export const about = (trail: TestTrail, desk: TestDesk) =>
	trail.entries().filter(({ entity }) => entity.id === `${desk.namespace}/desk`);
/** The reason of its condition AuditCurrent. */
export const reason = (desk: TestDesk) => desk.condition("AuditCurrent").then((found) => found?.reason);

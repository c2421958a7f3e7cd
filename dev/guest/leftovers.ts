import { rmSync } from "node:fs";
import type { Progress } from "../cluster/progress.ts";
import { assertAgreed } from "./ask.ts";
import { folderOf } from "./folder.ts";
import { type HostOptions, openHost } from "./host.ts";
import { componentLabel, runLabel, runOf } from "./manifests.ts";
import { type AnyObject, nameOf } from "./objects.ts";
import { findLeftovers, removeApi, removeDesk } from "./removal.ts";
import { missingRights, missingRightsError, removingNeeds } from "./rights.ts";
import { readPolicySet, runningOperators } from "./survey.ts";

/**
 * Removes what demos left on the cluster of a person, except for demos that are still running, and says what came
 * of it.
 * @throws GuestError
 */
export async function removeLeftovers(
	options: HostOptions & { readonly agreed: boolean },
	progress: Progress,
	signal: AbortSignal,
): Promise<void> {
	const host = await openHost(options);
	try {
		const { client, context, server } = host;
		const missing = await missingRights(client, removingNeeds(await readPolicySet(client)));
		if (missing.length > 0) throw missingRightsError(context, missing);
		progress.report("Looking for what demos left");
		const found = await findLeftovers(client);
		const running = new Set((await runningOperators(client, signal)).map(({ namespace }) => namespace));
		progress.finish();
		const ids = new Set(found.filter(isOfDesk).map(idOf));
		const alive = [...ids].filter((id) => running.has(runOf(id).operatorNamespace));
		for (const id of alive) console.error(`${runOf(id).namespace} is a demo that is running: end it there.`);
		const left = found.filter((object) => !(isOfDesk(object) && alive.includes(idOf(object))));
		if (left.length === 0 || (alive.length > 0 && !left.some(isOfDesk))) {
			console.error(`There is nothing to remove on ${server} (context ${context}).`);
			return;
		}
		console.error(`On the cluster ${server} (context ${context}) this removes, if nobody uses it:`);
		for (const object of left) console.error(`  ${nameOf(object)}`);
		if (!options.agreed) await assertAgreed("Go on?", signal);
		for (const id of ids) {
			if (alive.includes(id)) continue;
			progress.report(`Removing ${runOf(id).namespace} and what belongs to it`);
			await removeDesk(client, id, true);
			// Only where the demo ran on this machine.
			rmSync(folderOf(runOf(id)), { recursive: true, force: true });
		}
		progress.report("Removing the API");
		const stays = await removeApi(client);
		progress.finish();
		console.error(`${stays ?? "It is removed"}.`);
	} finally {
		progress.finish();
		await host.close();
	}
}

const isOfDesk = ({ metadata }: AnyObject) => metadata.labels?.[componentLabel] === "desk";
const idOf = ({ metadata }: AnyObject) => metadata.labels?.[runLabel] ?? "";

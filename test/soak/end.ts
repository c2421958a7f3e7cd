import { denies } from "../core/world/oracle.ts";
import type { TestDesk } from "../operator/desk.ts";
import { until } from "../support/until.ts";
import type { Fleet, Wish } from "./fleet.ts";
import type { Testimony } from "./testimony.ts";

/** What must hold when what is asked for is confirmed and nobody does anything: read from the API server. */
export async function judgeRest(desk: TestDesk, { wishes }: Fleet): Promise<readonly string[]> {
	const now = await desk.get();
	const left = (await desk.pods())
		.filter((pod) => denies(now, pod.metadata.labels ?? {}))
		.map((pod) => `at rest: pod ${pod.metadata.name} of a stopped target is there`);
	const standing = await Promise.all(
		wishes
			.filter(({ labels }) => denies(now, labels))
			.map(async ({ name, kind }) => {
				const { spec } = await desk.workload(name, kind);
				return spec.replicas === 0 ? [] : [`at rest: ${name} stands at ${spec.replicas}`];
			}),
	);
	return [...left, ...standing.flat()];
}

/** What must hold when Normal is confirmed: everything is as people wanted it, and no record is left. */
export async function judgeRestored(
	desk: TestDesk,
	{ wishes }: Fleet,
	{ versions }: Testimony,
): Promise<readonly string[]> {
	const { status } = await desk.get();
	const records = (await desk.recorded()).map((record) => `restored: the record ${record} is left`);
	const lost = new Set(
		(status?.notRestored ?? []).filter((row) => row.reason.startsWith("NoRecord")).map((row) => row.name),
	);
	const back = await Promise.all(
		wishes.map((wish) => judgeWish(desk, wish, lost.has(wish.name) || isOldNews(wish, versions))),
	);
	return [...records, ...back.flat()];
}

async function judgeWish(
	desk: TestDesk,
	{ name, kind, labels, wanted, tamperedAt }: Wish,
	said: boolean,
): Promise<readonly string[]> {
	const { spec } = await desk.workload(name, kind);
	const { replicas } = spec;
	const right = labels.app === "liquidator" ? new Set([0]) : wanted;
	if (!right.has(replicas)) {
		return [`restored: ${name} has ${replicas} replicas, and was ${[...right].join(" or ")}`];
	}
	if (tamperedAt !== undefined && replicas === 0 && Math.max(...wanted) > 0 && !said) {
		return [`restored: ${name} lost its record, stands at 0, and that is not said`];
	}
	try {
		await until(`${name} has ${replicas} pods`, async () => {
			const pods = (await desk.pods()).filter((pod) => pod.metadata.labels?.name === name);
			return pods.length === replicas;
		});
	} catch (error) {
		return [`restored: ${error instanceof Error ? error.message : error}`];
	}
	return [];
}

/** True when it was open to everybody at 0 since, and a later halt rightly recorded it as 0. */
function isOldNews({ tamperedAt = 0, labels }: Wish, versions: Testimony["versions"]): boolean {
	const open = versions.findIndex(({ at, desk }) => at > tamperedAt && !denies(desk, labels));
	return open >= 0 && versions.slice(open).some(({ desk }) => denies(desk, labels));
}

import { nextStatus, saysTheSame } from "../../core/status.ts";
import type { HistoryRow, TradingSafetyStatus } from "../../crds/status.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { Client } from "../../kube/client.ts";
import { isKubeError } from "../../kube/error.ts";
import { type PassResult, WorkQueue } from "../../kube/work-queue.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { deskPath } from "../resources.ts";

/** How often a status that says the same is written again, so that its age shows who is alive. */
const refreshMilliseconds = { leader: 10_000, other: 20_000 };
/** Changes within this time are written together. The leader goes first; the others then find nothing to add. */
const gatherMilliseconds = { leader: 100, other: 400 };

/** What does status say, and is it still so? Every replica observes; whoever is first writes. */
export class StatusWriter implements Controller {
	readonly #context: Context;
	readonly #desks = new Map<string, DeskState>();
	readonly #queue: WorkQueue;

	constructor(context: Context) {
		this.#context = context;
		this.#queue = new WorkQueue({
			name: "status",
			concurrency: 4,
			pass: (namespace) => this.#pass(namespace),
			onError: ({ key, error, failures }) => {
				// Somebody else wrote first: the next pass starts from what they wrote.
				if (isKubeError(error, "CONFLICT") && failures < 5) return;
				context.metrics.errors.inc({ where: "status" });
				context.log.error({ namespace: key, failures, err: error }, "could not write status");
			},
		});
	}

	look(desk: DeskState): void {
		this.#desks.set(desk.namespace, desk);
		const { leader, other } = gatherMilliseconds;
		this.#queue.addAfter(desk.namespace, this.#context.elector.isLeader() ? leader : other);
	}

	forget(desk: DeskState): void {
		this.#desks.delete(desk.namespace);
	}

	async stop(): Promise<void> {
		await this.#queue.stop();
	}

	async #pass(namespace: string): Promise<PassResult> {
		const desk = this.#desks.get(namespace);
		if (desk === undefined || !desk.viewSynced) return undefined;
		const { object } = desk;
		const status = nextStatus(object, desk.facts(), desk.sightings);
		this.#publish(namespace, status);
		const { leader, other } = refreshMilliseconds;
		const refresh = this.#context.elector.isLeader() ? leader : other;
		const age = Date.parse(status.observedAt ?? "") - Date.parse(object.status?.observedAt ?? "");
		// A time in the future, or none, would keep it from ever being written again.
		const isYoung = age > -refresh && age < refresh;
		if (saysTheSame(object.status, status) && isYoung) {
			return { requeueAfterMilliseconds: refresh - Math.max(0, age) };
		}
		await publishStatus(this.#context, desk, object, status, this.#context.client);
		return { requeueAfterMilliseconds: refresh };
	}

	#publish(namespace: string, status: TradingSafetyStatus): void {
		const value = { True: 1, False: 0, Unknown: -1 } as const;
		for (const condition of status.conditions ?? []) {
			this.#context.metrics.condition.set({ namespace, type: condition.type }, value[condition.status]);
		}
	}
}

/** Writes status and, once it is written, tells by events what it was the first to say. */
export async function publishStatus(
	context: Context,
	desk: DeskState,
	before: TradingSafety,
	status: TradingSafetyStatus,
	client: Client,
): Promise<void> {
	const written = await writeStatus(client, before, status);
	desk.forgetSightings(status.observedGeneration ?? 0);
	desk.accept(written);
	for (const event of news(before.status, status)) {
		const { apiVersion, kind, metadata } = before;
		const { name, namespace, uid } = metadata;
		context.events.record({
			regarding: { apiVersion, kind, name, uid, ...(namespace !== undefined && { namespace }) },
			action: "Observed",
			...event,
		});
	}
}

type News = { readonly type: "Normal" | "Warning"; readonly reason: string; readonly note: string };

function news(before: TradingSafetyStatus | undefined, now: TradingSafetyStatus): readonly News[] {
	const known = new Set(before?.history?.map((row) => row.generation));
	const changes: readonly News[] = (now.history ?? [])
		.filter((row) => !known.has(row.generation))
		.map((row) => ({
			type: row.override === true ? "Warning" : "Normal",
			reason: "ModeChanged",
			note: describe(row),
		}));
	const confirmed = conditionOf(now, "Confirmed");
	if (confirmed?.status !== "True" || conditionOf(before, "Confirmed")?.status === "True") return changes;
	const note = `${now.modeInForce} is in force: ${confirmed.message}`;
	return [...changes, { type: "Normal", reason: "Confirmed", note }];
}

function conditionOf(status: TradingSafetyStatus | undefined, type: string) {
	return status?.conditions?.find((condition) => condition.type === type);
}

/**
 * Replaces the status of exactly this version of the desk: any write in between, a raise above all, makes it a
 * CONFLICT.
 */
export function writeStatus(
	client: Client,
	desk: TradingSafety,
	status: TradingSafetyStatus,
): Promise<TradingSafety> {
	const { namespace = "", resourceVersion } = desk.metadata;
	return client.patch<TradingSafety>(
		deskPath(namespace, "status"),
		[
			{ op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
			{ op: "add", path: "/status", value: status },
		],
		{ type: "json" },
		{ priority: "emergency", deadlineMilliseconds: 5_000 },
	);
}

function describe(row: HistoryRow): string {
	const by = row.actor === undefined ? "" : ` by ${row.actor}`;
	const why = row.reason === undefined ? "" : `: ${row.reason}`;
	const how = row.override === true ? " by override, without clearance" : "";
	return `${row.from} -> ${row.to}${by}${how}${why}`;
}

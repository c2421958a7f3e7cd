import type { Logger } from "pino";
import { comparedWith } from "../audit/clock.ts";
import type { Writer } from "../audit/writer.ts";
import { writerOf } from "../audit/writer-of.ts";
import type { Remembered } from "../core/memory.ts";
import type { Clock } from "../kube/clock.ts";
import type { Metrics } from "./metrics.ts";
import type { OperatorOptions } from "./options.ts";
import { askTrail } from "./trail-states.ts";

/**
 * What this replica records with; undefined: no record is kept. `learn` is told how desks stood last as the trail knows,
 * before anything of this life is in the trail.
 */
export function recordWriter(
	{ record, identity }: Pick<OperatorOptions, "record" | "identity">,
	log: Logger,
	metrics: Metrics,
	clock: Pick<Clock, "errorMilliseconds">,
	learn: (told: ReadonlyMap<string, Remembered>) => void,
): Writer | undefined {
	if (record === undefined) return undefined;
	return writerOf(record, {
		name: "operator",
		about: { component: "operator", replica: identity },
		clockQuality: () => comparedWith("api-server", clock.errorMilliseconds()),
		atFirst: async () => learn(await askTrail(record.url)),
		onFailed: (where, err) => {
			metrics.errors.inc({ where: where === "Spool" ? "record-disk" : "record-store" });
			log.error({ err }, where === "Spool" ? "what happened is not recorded" : "the record is behind");
		},
		onStored: (count) => metrics.recordStored.inc(count),
	});
}

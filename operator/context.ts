import type { Logger } from "pino";
import type { Client } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { LeaderElector } from "../kube/lease.ts";
import type { DeskState } from "./desk-state.ts";
import type { Metrics } from "./metrics.ts";

/** What every controller of one replica shares. */
export type Context = {
	/** Speaks as the raising account, which has no right to lower, with the API server in use. */
	readonly client: Client;
	/** One for each API server, apart from the others: whether the fence denies there is nobody else's answer. */
	readonly apiServers: readonly Client[];
	/** Speaks as the lowering account, with a short token that is asked for when it is used. */
	readonly leaderClient: Client;
	readonly elector: Pick<LeaderElector, "isLeader" | "remainingMilliseconds">;
	readonly identity: string;
	readonly clock: Pick<Clock, "now">;
	readonly log: Logger;
	readonly metrics: Metrics;
	readonly events: Pick<EventRecorder, "record">;
};

/** Something that looks at one desk when told to. `look` never throws and never waits. */
export type Controller = {
	readonly look: (desk: DeskState) => void;
	readonly stop: () => Promise<void>;
};

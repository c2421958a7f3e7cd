import type { Logger } from "pino";
import type { Resolve } from "../gates/address.ts";
import type { Client } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import type { Profile } from "./devices/profile.ts";
import type { Metrics } from "./metrics.ts";
import type { RaiseKeys } from "./raise-keys.ts";
import type { Recording } from "./recording.ts";
import type { HidTransport } from "./transport.ts";
import type { UnshownRaises } from "./unshown.ts";

/** What a sidecar works with. */
export type EstopContext = {
	/** For watches and for what is not urgent. */
	readonly client: Client;
	/** One for each API server, the nearest first. */
	readonly apiServers: readonly Client[];
	readonly transport: HidTransport;
	readonly profiles: readonly Profile[];
	readonly resolve: Resolve;
	readonly keys: Pick<RaiseKeys, "signing" | "problem">;
	readonly clock: Pick<Clock, "now">;
	readonly log: Logger;
	readonly metrics: Metrics;
	/** Where raises are kept that no desk shows yet. */
	readonly unshown: Pick<UnshownRaises, "add" | "remove"> | undefined;
	/** The record; undefined: none is kept. */
	readonly recording: Pick<Recording, "record" | "state"> | undefined;
	/** Told when a device that was open is gone. */
	readonly onDeviceLost: () => void;
	/** Where the Leases of devices are. */
	readonly operatorNamespace: string;
	/** Of this process, in the Leases. */
	readonly identity: string;
};

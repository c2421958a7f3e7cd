// Apart from the schemas, so that whoever needs only these does not load what makes schemas.

/** Defaults that the API server fills in, by path. */
export const specDefaults = { mode: "Pause", freeze: false, enforcement: "Enforce" } as const;

/** What holds where `targets[].signal` says nothing. */
export const signalDefaults = {
	path: "/permit",
	ttlSeconds: 5,
	ackMilliseconds: 250,
	onNoAck: "Stop",
} as const;

/** What holds where `restore` says nothing. */
export const restoreDefaults = { stageSeconds: 600 } as const;

/** What holds where `reduce` says nothing. */
export const reduceDefaults = { overSeconds: 300, stopTightenPercent: 50 } as const;

/** What holds where `estop` says nothing. */
export const estopDefaults = {
	minimumArmed: 0,
	onPress: "Emergency",
	onTamper: "Pause",
	onLost: "Pause",
	heartbeatTimeoutSeconds: 5,
	directStopAfterSeconds: 2,
} as const;

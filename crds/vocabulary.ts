/** API group of every resource of this project. */
export const apiGroup = "tradingsafety.dev";
/** Version of the API; v1alpha1 may still change. */
export const apiVersion = "v1alpha1";

/** The modes from the mildest to the most severe: the order is the rank. */
export const modes = ["Normal", "Pause", "Reduce", "Emergency"] as const;
/** What a desk may do as a whole. `spec.mode` of a TradingSafety. */
export type Mode = (typeof modes)[number];

/**
 * The columns of an action table, from the mildest to the most severe: the modes, and Freeze, which is
 * beside the modes and above them.
 */
export const columns = [...modes, "Freeze"] as const;
/** A row of permissions that can be held against a target: a mode, or Freeze. */
export type Column = (typeof columns)[number];

/** What a mode does to the workloads of a target. */
export const actions = ["Run", "Keep", "Signal", "Start", "Stop"] as const;
/**
 * Run: trades. Keep: left as it is. Signal: told by permit, goes on running. Start: run only in this mode.
 * Stop: pods deleted, owners scaled to zero, new pods denied.
 */
export type Action = (typeof actions)[number];

/**
 * How far a target is told by permits. Admit: new pods may be made, too, where the mode lets them. Keep: one did
 * not acknowledge; the others go on and none is made. Otherwise Signal is carried out as Stop.
 */
export const signalStates = ["Admit", "Keep"] as const;
/** One of {@link signalStates}. */
export type SignalState = (typeof signalStates)[number];

/** Whether a desk acts, or only warns, records in the audit log and plans into status. */
export const enforcements = ["Enforce", "Observe"] as const;

/** How far what happened has to be recorded before a lowering is cleared. */
export const auditRequirements = ["Store", "Spool"] as const;

/** The only name a TradingSafety may have: names cannot race, and the policies bind by it. */
export const deskName = "desk";

/** Verbs beyond those of Kubernetes, asked of the API server's own authorizer on `tradingsafeties`. */
export const verbs = ["configure", "reset", "approve", "override", "observe", "clear"] as const;
/**
 * configure: change the configuration. reset: ask for and carry out a lowering. approve: second a request.
 * override: lower without clearance, change a halted desk, take the fence away. observe: write status.
 * clear: say that no hold stands, release targets.
 */
export type Verb = (typeof verbs)[number];

/** Label of a namespace that the pod policies enforce. */
export const enforceLabel = `${apiGroup}/enforce`;
/** `targets`: no object means allow. `strict`: no object, or a pod that no target selects, means deny. */
export const enforceValues = ["targets", "strict"] as const;
/** The value of the enforce label with which nothing is denied: people are warned of what would be. */
export const observeValue = "observe";
/** Label of a namespace that holds an operator: no desk may be made there. */
export const operatorLabel = `${apiGroup}/operator`;
/** Pods with this label are always denied; replicas prove the fence with them by dry run. */
export const probeLabel = `${apiGroup}/probe`;
/** How a probe's denial ends where no policy stamps who raised. */
export const unstamped = ", not stamped";
/** Annotation of each new pod of a target: the mode when it was created. A floor, never a permission. */
export const bootModeAnnotation = `${apiGroup}/mode-at-start`;
/** Environment variable with the same value as {@link bootModeAnnotation}. */
export const bootModeVariable = "TRADINGSAFETY_MODE";
/** Annotation that must stand on the CRDs before anyone may delete them. */
export const allowRemovalAnnotation = `${apiGroup}/allow-removal`;
/** Annotation of a RestoreRecord: the last generation that found its workload stopped. */
export const heldAtAnnotation = `${apiGroup}/held-at`;
/** Label of a ClusterRole whose rules the operator gets as well: for workloads of custom kinds. */
export const aggregateLabel = `${apiGroup}/aggregate-to-operator`;
/** Node selector of a stopped DaemonSet: no node carries it. */
export const stoppedNodeLabel = `${apiGroup}/stopped`;

import type { Labels } from "./selector.ts";

/**
 * A kubelet never gives a process less to end. With 0 the object is gone at once, and the process lives on for that long:
 * nothing would be known of it.
 */
export const leastGraceSeconds = 2;

/** What is known of one pod. */
export type Pod = {
	readonly name: string;
	readonly uid: string;
	readonly labels: Labels;
	/** Set once it was told to stop: seconds of grace it was given. */
	readonly stopping?: { readonly graceSeconds: number };
	/** True for one whose own grace is so short that it would be gone before its process: see {@link leastGraceSeconds}. */
	readonly hasty?: true;
	/** True when a controller owns it and would make another. */
	readonly owned: boolean;
	readonly node?: string;
	/** Where it can be reached, as its kubelet says. */
	readonly address?: string;
	/** True when its kubelet says that it is Ready. */
	readonly ready?: true;
};

/** What is known of one workload. Kinds differ in how they are read and scaled, not in what is decided. */
export type Workload = {
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
	readonly uid: string;
	/** When it was made, RFC 3339, by the API server's clock. Absent: unknown, and taken for new. */
	readonly createdAt?: string;
	/** Labels of its pod template; of an autoscaler those of the workload that it scales. */
	readonly labels: Labels;
	/** spec.replicas. A kind without replicas has 1 while it may run and 0 while it is stopped. */
	readonly replicas: number;
	/** Replicas that are up to date and Ready, as its controller reports for the current generation. */
	readonly ready: number;
	/** True for a kind without replicas. */
	readonly switched?: true;
	/** True for one that has ended and cannot be started any more. */
	readonly over?: true;
	/** Why a restore does not start it again, for those that only a person may start. */
	readonly notRestored?: string;
	/** The workload whose replicas it sets: an autoscaler. */
	readonly scales?: WorkloadName;
	/** Who set its replicas last, by managedFields: a hint and no proof. */
	readonly setBy?: string;
	/** What may keep it from becoming Ready, for people. */
	readonly hint?: string;
};

/** Names a workload of a namespace. */
export type WorkloadName = { readonly kind: string; readonly name: string };

/** A kind of workload that this replica cannot see, and why. */
export type KindProblem = {
	/** Plural and group, as CustomResourceDefinitions are named. */
	readonly resource: string;
	/** Gone: there are records of it and no such kind. */
	readonly why: "Forbidden" | "NotListed" | "Gone";
};

/** What is known of one RestoreRecord. */
export type Recorded = {
	/** Name of the record: the UID of the workload. */
	readonly workloadUid: string;
	/** Of the workload. */
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
	readonly replicas: number;
	/** Value of the setting that the halt changed, of kinds that have more than on and off. Absent: not set. */
	readonly earlier?: string;
	/** True while workloads of its kind cannot be seen: that this one is not seen says nothing. */
	readonly unseen?: true;
	readonly target: string;
	/** The last generation of the desk that found the workload stopped. */
	readonly heldAt: number;
	/** For deleting exactly what was seen. */
	readonly uid: string;
	readonly resourceVersion: string;
};

/** A replica's view of one namespace. */
export type Observed = {
	readonly pods: readonly Pod[];
	readonly workloads: readonly Workload[];
	/** By UID of the workload. */
	readonly records: ReadonlyMap<string, Recorded>;
	/** Kinds that cannot be seen. Absent: none. */
	readonly kindProblems?: readonly KindProblem[];
	/** True while it was found to be behind what is so: nothing is opened or said to be over on the strength of it. */
	readonly doubted?: true;
	/** Absent: no target is told by permits. */
	readonly signals?: Signals;
	/** Names of targets that were told or kept in Emergency until now, and are to be stopped. Absent: none. */
	readonly due?: ReadonlySet<string>;
};

/**
 * What came of telling a pod instead of a good answer. Disagrees: an answer of another epoch, or one that allows more than
 * holds.
 */
export type AnswerProblem =
	| "NobodyListens"
	| "NoAnswer"
	| "KeyUnknown"
	| "Refused"
	| "NoAcknowledgement"
	| "Disagrees";

/** What a replica knows of the pods that it sends permits to. */
export type Signals = {
	/** Why no permit can be signed here. Absent: they can. */
	readonly problem?: string;
	/** UIDs of pods whose last answer is of this generation and allows no more than what holds for their target. */
	readonly obeying: ReadonlySet<string>;
	/** UIDs of pods that had to acknowledge a raise and did not, in time. */
	readonly silent: ReadonlySet<string>;
	/** Those of them that stop whether their target is seen closed to new pods or not. Absent: none. */
	readonly overdue?: ReadonlySet<string>;
	/** Names of targets of which a pod was silent in this halt, even if it is gone by now. Absent: none. */
	readonly hadSilent?: ReadonlySet<string>;
	/** Why the raise key cannot be used; "" where it can. Absent: nobody has looked yet. */
	readonly raiseKeyProblem?: string;
	/** By UID, of pods that do not obey, where it is known. Absent: of none. */
	readonly problems?: ReadonlyMap<string, AnswerProblem>;
};

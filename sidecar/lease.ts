import { estopAnnotations, estopLabel, estopLeaseName } from "../crds/estop-lease.ts";
import type { Client } from "../kube/client.ts";
import { isKubeError } from "../kube/error.ts";
import { microTime } from "../kube/object.ts";
import type { Device } from "./device.ts";
import { leasePath } from "./paths.ts";

/** What the Lease of a device says beside what the device itself shows. */
export type LeaseFacts = {
	readonly holder: string;
	readonly heartbeatSeconds: number;
	/** Why a press may not get through; none: it is armed. */
	readonly notArmed: readonly string[];
	/** RFC 3339. */
	readonly lastPress?: string;
	/** RFC 3339; absent: as the Lease says already. */
	readonly lastProofTest?: string;
	/** The desks that a press does not raise now, since it is tested. */
	readonly testing: readonly string[];
	/** How the record stands; absent: none is kept. */
	readonly record?: string;
	readonly ended: boolean;
};

/** As much of one as is read. */
export type LeaseObject = {
	readonly metadata: {
		readonly resourceVersion: string;
		readonly annotations?: Readonly<Record<string, string>>;
	};
};

const callMilliseconds = 2_000;

/** Says how a device is, in its Lease. Returns what somebody wrote to it to silence its buzzer. Fails as calls do. */
export async function renewLease(
	client: Pick<Client, "patch" | "create">,
	namespace: string,
	{ info, profile, state }: Pick<Device, "info" | "profile" | "state">,
	{ holder, heartbeatSeconds, notArmed, lastPress, lastProofTest, testing, record, ended }: LeaseFacts,
): Promise<string | undefined> {
	const name = estopLeaseName(info.serial);
	const names = estopAnnotations;
	const lease = {
		metadata: {
			labels: { [estopLabel]: "device" },
			annotations: {
				[names.serial]: info.serial,
				[names.product]: info.product,
				[names.descriptorHash]: info.descriptorHash,
				[names.profile]: profile.name,
				[names.tested]: profile.abilities.tested,
				[names.notArmed]: notArmed.join("; "),
				[names.faults]: state.faults.join(),
				[names.pressed]: String(state.pressed),
				[names.interval]: String(info.intervalMilliseconds ?? ""),
				[names.speed]: String(info.speed ?? ""),
				[names.ended]: String(ended),
				[names.testing]: testing.join(),
				[names.lastReport]: new Date(Date.now() - (performance.now() - state.freshAt)).toISOString(),
				...(lastProofTest !== undefined && { [names.lastProofTest]: lastProofTest }),
				...(lastPress !== undefined && { [names.lastPress]: lastPress }),
				...(record !== undefined && { [names.record]: record }),
			},
		},
		spec: {
			holderIdentity: holder,
			leaseDurationSeconds: heartbeatSeconds,
			renewTime: microTime(new Date()),
		},
	};
	const options = { priority: "emergency", deadlineMilliseconds: callMilliseconds } as const;
	try {
		const path = leasePath(namespace, name);
		// What an earlier process said of its record is not left standing.
		const annotations = { [names.record]: null, ...lease.metadata.annotations };
		const patch = { ...lease, metadata: { ...lease.metadata, annotations } };
		const { metadata } = await client.patch<LeaseObject>(path, patch, { type: "merge" }, options);
		return metadata.annotations?.[names.silence];
	} catch (error) {
		if (!isKubeError(error, "NOT_FOUND")) throw error;
		const kind = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
		const metadata = { ...lease.metadata, name };
		await client.create(leasePath(namespace), { ...kind, ...lease, metadata }, undefined, options);
		return undefined;
	}
}

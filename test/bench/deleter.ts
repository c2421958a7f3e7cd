/**
 * The bare parallel delete that the operator is compared with: it knows the pods beforehand, its connections
 * are warm, it decides nothing and watches nothing. A process of its own, as the operator is.
 * Arguments: the path of a kubeconfig.
 */
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import type { DeleterOrder, DeleterReport } from "./bare-delete.ts";
import type { SeenPod } from "./pod-watch.ts";

const graceSeconds = 2;
const lanesAtMost = 64;

const client = new Client(await connect(loadKubeConfig(process.argv[2]), { sockets: lanesAtMost }), {
	limits: { emergencyInFlight: lanesAtMost },
});
let armed: readonly SeenPod[] = [];
let lanes = 0;

process.on("message", (order: DeleterOrder) => {
	obey(order).then(report, (error: unknown) => report({ kind: "Failed", message: String(error) }));
});
process.once("disconnect", () => client.close());

function report(message: DeleterReport): void {
	process.send?.(message);
}

async function obey(order: DeleterOrder): Promise<DeleterReport> {
	switch (order.kind) {
		case "Arm":
			armed = order.pods;
			lanes = order.inFlight;
			await client.warm(lanes);
			return { kind: "Armed" };
		case "Go": {
			const pods = armed.values();
			const lane = async () => {
				for (const pod of pods) await remove(pod);
			};
			await Promise.all(Array.from({ length: lanes }, lane));
			return { kind: "Deleted" };
		}
	}
}

async function remove({ namespace, name, uid }: SeenPod): Promise<void> {
	const options = {
		apiVersion: "v1",
		kind: "DeleteOptions",
		preconditions: { uid },
		gracePeriodSeconds: graceSeconds,
	};
	try {
		await client.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, options, { priority: "emergency" });
	} catch (error) {
		if (!isKubeError(error, "NOT_FOUND", "CONFLICT")) throw error;
	}
}

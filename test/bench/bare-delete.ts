import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { BenchError } from "./error.ts";
import type { SeenPod } from "./pod-watch.ts";

export type DeleterOrder =
	| { readonly kind: "Arm"; readonly pods: readonly SeenPod[]; readonly inFlight: number }
	| { readonly kind: "Go" };

export type DeleterReport =
	| { readonly kind: "Armed" | "Deleted" }
	| { readonly kind: "Failed"; readonly message: string };

/** A process that deletes pods as fast as it can when told to. */
export type BareDelete = {
	/** Tells it which pods, and how many calls to have under way; resolves when its connections are open. */
	readonly arm: (pods: readonly SeenPod[], inFlight: number) => Promise<void>;
	/** Deletes them; resolves when every call was answered. Throws what failed. */
	readonly go: () => Promise<void>;
	readonly stop: () => Promise<void>;
};

/** Starts the deleter as the user of this kubeconfig. */
export function startBareDelete(kubeconfig: string): BareDelete {
	const child = fork(fileURLToPath(new URL("deleter.ts", import.meta.url)), [kubeconfig], { execArgv: [] });
	const ended = once(child, "exit");
	const ask = async (order: DeleterOrder) => {
		const answer = once(child, "message") as Promise<[DeleterReport]>;
		child.send(order);
		const [report] = await Promise.race([
			answer,
			ended.then(([code]) => {
				throw new BenchError("CHILD_FAILED", `the bare delete ended with exit code ${code}`);
			}),
		]);
		if (report.kind === "Failed")
			throw new BenchError("CHILD_FAILED", `the bare delete failed: ${report.message}`);
	};
	return {
		arm: (pods, inFlight) => ask({ kind: "Arm", pods, inFlight }),
		go: () => ask({ kind: "Go" }),
		async stop() {
			if (child.connected) child.disconnect();
			await ended;
		},
	};
}

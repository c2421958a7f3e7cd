import { isProven } from "../../core/facts.ts";
import { policyName } from "../../crds/policies/policy.ts";
import { probeLabel } from "../../crds/vocabulary.ts";
import { isKubeError } from "../../kube/error.ts";
import { timestamp } from "../clock.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { podsPath } from "../resources.ts";

const restMilliseconds = 1_000;
const firstPauseMilliseconds = 10;
const denial = /fence probe of desk (\S+) at generation (\d+), uid ([\w-]+)/;

/** A pod that Pod Security and quotas have nothing against, so that only the fence denies it. */
const probePod = {
	apiVersion: "v1",
	kind: "Pod",
	metadata: { generateName: "tradingsafety-probe-", labels: { [probeLabel]: "true" } },
	spec: {
		automountServiceAccountToken: false,
		securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: "RuntimeDefault" } },
		containers: [
			{
				name: "probe",
				image: "tradingsafety.invalid/probe:never-run",
				resources: {
					requests: { cpu: "1m", memory: "1Mi" },
					limits: { cpu: "1m", memory: "1Mi" },
				},
				securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
			},
		],
	},
};

/** Does the fence deny, and by which version of the desk? Asked by dry run, each second and after each change. */
export class FenceProber implements Controller {
	readonly #context: Context;
	readonly #onProof: (desk: DeskState) => void;
	readonly #loops = new Map<DeskState, { wake: () => void; ended: Promise<void>; stopped: boolean }>();

	/** `onProof` is told when the fence was seen to deny at a new generation, or not to deny any more. */
	constructor(context: Context, onProof: (desk: DeskState) => void) {
		this.#context = context;
		this.#onProof = onProof;
	}

	look(desk: DeskState): void {
		const loop = this.#loops.get(desk);
		if (loop !== undefined) {
			loop.wake();
			return;
		}
		const started = { wake: () => {}, ended: Promise.resolve(), stopped: false };
		this.#loops.set(desk, started);
		started.ended = this.#run(desk, started);
	}

	async forget(desk: DeskState): Promise<void> {
		const loop = this.#loops.get(desk);
		if (loop === undefined) return;
		this.#loops.delete(desk);
		loop.stopped = true;
		loop.wake();
		await loop.ended;
	}

	async stop(): Promise<void> {
		await Promise.all([...this.#loops.keys()].map((desk) => this.forget(desk)));
	}

	async #run(desk: DeskState, loop: { wake: () => void; stopped: boolean }): Promise<void> {
		let pause = firstPauseMilliseconds;
		while (!loop.stopped) {
			const before = proofKey(desk);
			if (desk.enforceLabel !== undefined) await this.#probe(desk);
			if (proofKey(desk) !== before) this.#onProof(desk);
			const proven = isProven(desk.fence, desk.object.metadata);
			pause =
				proven || desk.enforceLabel === undefined ? restMilliseconds : Math.min(pause * 2, restMilliseconds);
			const woken = await new Promise<boolean>((resolve) => {
				const timer = setTimeout(() => resolve(false), pause);
				loop.wake = () => {
					clearTimeout(timer);
					resolve(true);
				};
			});
			if (woken) pause = firstPauseMilliseconds;
		}
	}

	async #probe(desk: DeskState): Promise<void> {
		const { client, log, metrics } = this.#context;
		try {
			await client.create(
				podsPath(desk.namespace),
				probePod,
				{ dryRun: "All" },
				{ priority: "emergency", deadlineMilliseconds: 2_000 },
			);
		} catch (error) {
			const found = isKubeError(error, "FORBIDDEN", "INVALID") ? denial.exec(error.message) : null;
			if (found !== null) {
				desk.fence = { generation: Number(found[2]), uid: found[3] ?? "", at: timestamp() };
				desk.fenceProvenAt = performance.now();
				return;
			}
			metrics.errors.inc({ where: "fence-probe" });
			desk.fence = { error: error instanceof Error ? error.message : String(error) };
			log.error({ namespace: desk.namespace, err: error }, "the fence could not be tried");
			return;
		}
		metrics.errors.inc({ where: "fence-open" });
		desk.fence = {
			error: `a probe pod was admitted: the policy ${policyName("fence")} or its binding for this namespace is missing`,
			open: true,
		};
		log.error({ namespace: desk.namespace }, "the fence is open: a probe pod was admitted");
	}
}

function proofKey({ fence }: DeskState): string {
	return "error" in fence ? fence.error : `${fence.uid}/${fence.generation}`;
}

import { type FenceFinding, isProven, leastProof } from "../../core/facts.ts";
import { fences } from "../../core/fence.ts";
import { policyName } from "../../crds/policies/policy.ts";
import { probeLabel, unstamped } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { isKubeError } from "../../kube/error.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { podsPath } from "../resources.ts";

const restMilliseconds = 1_000;
const firstPauseMilliseconds = 10;
const denial = new RegExp(`fence probe of desk (\\S+) at generation (\\d+), uid ([\\w-]+)(${unstamped})?`);

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

/** What asks one API server about one desk. */
type Loop = {
	readonly apiServer: Client;
	wake: () => void;
	ended: Promise<void>;
	stopped: boolean;
	found: FenceFinding;
	/** When that was asked, and when it last was a proof, by `performance.now()`. */
	askedAt: number;
	provenAt: number;
};

/**
 * Does the fence deny, and by which version of the desk? Asked by dry run at every API server, each second and
 * after each change. The desk is as fenced as it is at the least of them.
 */
export class FenceProber implements Controller {
	readonly #context: Context;
	readonly #onProof: (desk: DeskState) => void;
	readonly #loops = new Map<DeskState, readonly Loop[]>();

	/** `onProof` is told when the fence was seen to deny at a new generation, or not to deny any more. */
	constructor(context: Context, onProof: (desk: DeskState) => void) {
		this.#context = context;
		this.#onProof = onProof;
	}

	look(desk: DeskState): void {
		const known = this.#loops.get(desk);
		if (known !== undefined) {
			for (const loop of known) loop.wake();
			return;
		}
		const loops = this.#context.apiServers.map(newLoop);
		this.#loops.set(desk, loops);
		for (const loop of loops) loop.ended = this.#run(desk, loop);
	}

	async forget(desk: DeskState): Promise<void> {
		const loops = this.#loops.get(desk) ?? [];
		this.#loops.delete(desk);
		for (const loop of loops) {
			loop.stopped = true;
			loop.wake();
		}
		await Promise.all(loops.map((loop) => loop.ended));
	}

	async stop(): Promise<void> {
		await Promise.all([...this.#loops.keys()].map((desk) => this.forget(desk)));
	}

	async #run(desk: DeskState, loop: Loop): Promise<void> {
		let pause = firstPauseMilliseconds;
		while (!loop.stopped) {
			const labelled = fences(desk.enforceLabel);
			if (labelled) await this.#probe(desk, loop);
			if (!loop.stopped) this.#conclude(desk);
			const proven = isProven(loop.found, desk.object.metadata);
			pause = proven || !labelled ? restMilliseconds : Math.min(pause * 2, restMilliseconds);
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

	/** Takes what all API servers answered for what the desk is worth now. */
	#conclude(desk: DeskState): void {
		const loops = this.#loops.get(desk) ?? [];
		const before = proofKey(desk.fence);
		// What was found under another label of the namespace says nothing.
		const findings = loops.map(({ found, askedAt }) => (askedAt >= desk.labelledAt ? found : notTried));
		desk.fence = leastProof(findings, desk.object.metadata.uid);
		if (!("error" in desk.fence)) {
			desk.fenceProvenAt = Math.min(...loops.map((loop) => loop.provenAt));
			desk.stamped = desk.fence.stamped === true;
		}
		if (proofKey(desk.fence) !== before) this.#onProof(desk);
	}

	async #probe(desk: DeskState, loop: Loop): Promise<void> {
		const askedAt = performance.now();
		loop.found = await this.#try(desk, loop.apiServer);
		loop.askedAt = askedAt;
		if (!("error" in loop.found)) loop.provenAt = performance.now();
	}

	async #try({ namespace }: DeskState, apiServer: Client): Promise<FenceFinding> {
		const { clock, log, metrics } = this.#context;
		const server = apiServer.connection.server.origin;
		try {
			await apiServer.create(
				podsPath(namespace),
				probePod,
				{ dryRun: "All" },
				{ priority: "emergency", deadlineMilliseconds: 2_000 },
			);
		} catch (error) {
			const found = isKubeError(error, "FORBIDDEN", "INVALID") ? denial.exec(error.message) : null;
			if (found !== null) {
				const stamped = found[4] === undefined;
				return { generation: Number(found[2]), uid: found[3] ?? "", at: clock.now(), stamped };
			}
			metrics.errors.inc({ where: "fence-probe" });
			log.error({ namespace, server, err: error }, "the fence could not be tried");
			return { error: `API server ${server}: ${error instanceof Error ? error.message : String(error)}` };
		}
		metrics.errors.inc({ where: "fence-open" });
		log.error({ namespace, server }, "the fence is open: a probe pod was admitted");
		return {
			error: `API server ${server}: a probe pod was admitted: the policy ${policyName("fence")} or its binding for this namespace is missing`,
			open: true,
		};
	}
}

const notTried: FenceFinding = { error: "not tried yet" };

function newLoop(apiServer: Client): Loop {
	const ended = Promise.resolve();
	return { apiServer, wake: () => {}, ended, stopped: false, found: notTried, askedAt: 0, provenAt: 0 };
}

function proofKey(fence: FenceFinding): string {
	return "error" in fence ? fence.error : `${fence.uid}/${fence.generation}`;
}

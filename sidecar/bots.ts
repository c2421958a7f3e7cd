import type { KeyObject } from "node:crypto";
import { modeOf, moreSevere } from "../core/modes.ts";
import type { Pod } from "../core/observed.ts";
import { isTold, permitColumn } from "../core/signals.ts";
import { type TargetState, targetStates, targetsOf } from "../core/targets.ts";
import { signalDefaults } from "../crds/defaults.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Mode } from "../crds/vocabulary.ts";
import type { Resolve } from "../gates/address.ts";
import { GateCall, type Message } from "../gates/gate-call.ts";
import { raiseFor } from "../gates/messages.ts";
import { wait } from "../kube/backoff.ts";
import { isWithin } from "../permits/acknowledgement.ts";
import { permissionsOf } from "../permits/permissions.ts";

/** What became of telling one bot. Ended: it, or this process, ended before it answered. */
export type BotOutcome =
	| { readonly kind: "Acknowledged"; readonly pod: Pod; readonly milliseconds: number }
	| { readonly kind: "Silent" | "Ended"; readonly pod: Pod };

/** What {@link BotRaiser} needs and tells. None of these may throw. */
export type BotRaiserOptions = {
	/** The private halves of the raise key; none: bots hear of a press from the operator only. */
	readonly keys: () => readonly KeyObject[];
	readonly resolve: Resolve;
	/** Milliseconds since 1970: a raise that says it is half a minute off tells nobody to cancel. */
	readonly now: () => number;
	/** A bot does now what it was told: so long after the press. */
	readonly onAcknowledged: (namespace: string, pod: Pod, milliseconds: number) => void;
	/** One try failed; others go on. */
	readonly onFailed: (namespace: string, pod: Pod, error: unknown) => void;
	/** All bots of a desk that were told of a raise have answered, or never will. */
	readonly onOver: (namespace: string, mode: Mode, outcomes: readonly BotOutcome[]) => void;
};

type Bot = {
	readonly pod: Pod;
	readonly origin: string;
	readonly gate: GateCall;
	readonly gone: AbortController;
};
type Known = { readonly desk: TradingSafety; readonly bots: ReadonlyMap<string, Bot> };

const quickTries = 3;
const slowMilliseconds = 1_000;
/** As long as any permit lives: what has not heard by then is paused by itself. */
const patienceMilliseconds = 60_000;

/**
 * Tells bots of a press, straight and without the API server: what was known of them last is enough. It can only take
 * away; the operator tells them the same, and is heard when it does.
 */
export class BotRaiser {
	readonly #options: BotRaiserOptions;
	/** By namespace. */
	readonly #known = new Map<string, Known>();
	readonly #stopped = new AbortController();

	constructor(options: BotRaiserOptions) {
		this.#options = options;
	}

	/** A desk and its pods as they were seen; undefined when the desk is gone. What cannot be seen any more stays known. */
	see(namespace: string, desk: TradingSafety | undefined, pods: readonly Pod[]): void {
		const before = this.#known.get(namespace)?.bots ?? new Map<string, Bot>();
		const bots = desk === undefined ? new Map<string, Bot>() : this.#botsOf(desk, pods, before);
		for (const [uid, bot] of before) {
			if (bots.get(uid) === bot) continue;
			bot.gone.abort();
			void bot.gate.close();
		}
		if (desk === undefined) this.#known.delete(namespace);
		else this.#known.set(namespace, { desk, bots });
	}

	/** Tells every bot of a desk that this mode is asked for now. Returns how many; they answer later. */
	raise(namespace: string, mode: Mode): number {
		const known = this.#known.get(namespace);
		if (known === undefined) return 0;
		const askedAt = performance.now();
		const { desk } = known;
		const raised = { ...desk, spec: { ...desk.spec, mode: moreSevere(mode, modeOf(desk.spec.mode)) } };
		const told = targetStates(raised).filter(isTold);
		const signing = { keys: this.#options.keys(), sentAt: this.#options.now() };
		const messages = new Map(told.map((state) => [state, raiseFor(raised, state, signing)] as const));
		const tells: Promise<BotOutcome>[] = [];
		for (const bot of known.bots.values()) {
			const [state] = targetsOf(told, bot.pod.labels);
			const message = state === undefined ? undefined : messages.get(state);
			if (state === undefined || message === undefined) continue;
			tells.push(this.#tell(namespace, bot, { state, message, raised, askedAt }));
		}
		if (tells.length > 0) {
			void Promise.all(tells).then((outcomes) => this.#options.onOver(namespace, mode, outcomes));
		}
		return tells.length;
	}

	/** Ends what is under way. */
	async stop(): Promise<void> {
		this.#stopped.abort();
		const all = [...this.#known.values()].flatMap(({ bots }) => [...bots.values()]);
		this.#known.clear();
		await Promise.all(all.map(({ gate }) => gate.close()));
	}

	#botsOf(
		desk: TradingSafety,
		pods: readonly Pod[],
		before: ReadonlyMap<string, Bot>,
	): ReadonlyMap<string, Bot> {
		const told = targetStates(desk).filter(isTold);
		return new Map(
			pods.flatMap((pod) => {
				const [state] = targetsOf(told, pod.labels);
				const http = state?.spec.signal?.http;
				const origin = http === undefined ? undefined : this.#options.resolve(pod, http.port);
				if (http === undefined || origin === undefined) return [];
				const path = http.path ?? signalDefaults.path;
				const known = before.get(pod.uid);
				if (known !== undefined && known.origin === origin + path) return [[pod.uid, known] as const];
				const gate = new GateCall(origin, path);
				return [[pod.uid, { pod, origin: origin + path, gate, gone: new AbortController() }] as const];
			}),
		);
	}

	async #tell(
		namespace: string,
		{ pod, gate, gone }: Bot,
		what: {
			readonly state: TargetState;
			readonly message: Message;
			readonly raised: TradingSafety;
			readonly askedAt: number;
		},
	): Promise<BotOutcome> {
		const { state, message, raised, askedAt } = what;
		const { onAcknowledged, onFailed } = this.#options;
		const permissions = permissionsOf(permitColumn(raised, state, true));
		const tryMilliseconds = state.spec.signal?.ackMilliseconds ?? signalDefaults.ackMilliseconds;
		const over = AbortSignal.any([gone.signal, this.#stopped.signal]);
		for (let tries = 1; !over.aborted && performance.now() - askedAt < patienceMilliseconds; tries += 1) {
			const startedAt = performance.now();
			try {
				const answer = await gate.send(message, Math.max(tryMilliseconds, 1));
				if (isWithin(answer.permissions, permissions)) {
					const milliseconds = performance.now() - askedAt;
					onAcknowledged(namespace, pod, milliseconds);
					return { kind: "Acknowledged", pod, milliseconds };
				}
			} catch (error) {
				if (over.aborted) break;
				onFailed(namespace, pod, error);
			}
			const pause = tries < quickTries ? tryMilliseconds : slowMilliseconds;
			await wait(startedAt + pause - performance.now(), over);
		}
		return { kind: over.aborted ? "Ended" : "Silent", pod };
	}
}

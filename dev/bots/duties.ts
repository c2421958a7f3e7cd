import type { Duties } from "../../permits/permit.ts";
import type { Guard, Hands } from "./hands.ts";
import { heldAtMost, type Slope, steeper } from "./slope.ts";
import type { View } from "./view.ts";

/** What a bot was told to do and has not finished. */
export type Tasks = {
	/** Begins what a permit tells; one that tells nothing ends a flattening. Returns at once. */
	readonly begin: (duties: Duties) => void;
	/** Goes on with it; to be called every few milliseconds. */
	readonly step: () => void;
};

const cancelAgainMilliseconds = 100;

/**
 * Does duties with the hands of a bot, in this order: cancels, tightens, flattens. A cancel that fails is tried again
 * until it is done. A flattening goes on when the permit that told it runs out: it ends when all is flat at its end, when opening is
 * allowed again, or when a later permit does not ask for it.
 */
export function createTasks(
	{ hands, view, guard }: { readonly hands: Hands; readonly view: View; readonly guard: Guard },
	now: () => number = () => performance.now(),
): Tasks {
	let slope: Slope | undefined;
	let mustCancel: { from: number; readonly work: () => Promise<boolean> } | undefined;
	// An earlier life may have left what can still open: it is cancelled first of all.
	let couldOpen = true;

	function cancel(work: () => Promise<boolean>): void {
		const task = { from: Number.POSITIVE_INFINITY, work };
		mustCancel = task;
		void work().then((isDone) => {
			if (isDone && mustCancel === task) mustCancel = undefined;
			else task.from = now() + cancelAgainMilliseconds;
		});
	}

	function follow(active: Slope): void {
		for (const { symbol, quantity } of view.states()) {
			const surplus = Math.abs(quantity) - heldAtMost(active, symbol, now());
			if (surplus > 0 && !hands.isBusy(symbol)) void hands.close(symbol, surplus);
		}
	}

	/** What could still open must go when opening ends, also when a permit ran out and nobody said a word. */
	function watchOpening(): void {
		const canOpen = guard.isOpen();
		if (couldOpen && !canOpen && mustCancel === undefined) cancel(hands.cancelOpening);
		if (canOpen) {
			slope = undefined;
			mustCancel = undefined;
		}
		couldOpen = canOpen;
	}

	const tasks: Tasks = {
		begin({ cancelAll, tightenStopsPercent, flatten }) {
			if (cancelAll === true) cancel(hands.cancelEverything);
			if (tightenStopsPercent !== undefined) {
				for (const symbol of view.symbols()) void hands.tighten(symbol, tightenStopsPercent);
			}
			if (flatten === undefined) slope = undefined;
			else {
				const startedAt = now();
				const from = view.states().map(({ symbol, quantity }) => [symbol, Math.abs(quantity)] as const);
				const endsAt = startedAt + flatten.overSeconds * 1_000;
				slope = steeper(slope, { startedAt, endsAt, from: Object.fromEntries(from) });
			}
			tasks.step();
		},
		step() {
			watchOpening();
			if (mustCancel !== undefined && now() >= mustCancel.from) cancel(mustCancel.work);
			if (slope !== undefined && guard.permissions().reduce !== "none") follow(slope);
		},
	};
	return tasks;
}

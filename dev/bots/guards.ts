import type { Gate } from "../../permits/gate.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import type { Guard } from "./hands.ts";

const sliceMilliseconds = 200;

/** What a good bot asks. */
export function honestGuard(gate: Gate): Guard {
	const isOpen = () => gate.mayOpen();
	return { mayOpen: isOpen, isOpen, permissions: () => gate.permissions() };
}

/** What a liar and a deaf bot ask: it always says yes, once `mayBegin` does. */
export function carelessGuard(mayBegin: () => boolean): Guard {
	let hasBegun = false;
	const isOpen = () => {
		hasBegun ||= mayBegin();
		return hasBegun;
	};
	return {
		mayOpen: isOpen,
		isOpen,
		permissions: () => permissionsOf(hasBegun ? "Normal" : "Pause"),
	};
}

/**
 * What a bot asks whose event loop hangs once: after its gate said yes for the n-th time nothing runs for a while, as
 * with a long collection or a frozen machine. The order is not written yet, so it asks again when it wakes. It ends
 * when whoever started it is gone, which no event can tell it.
 */
export function hangingGuard(
	gate: Gate,
	{ after, seconds }: { readonly after: number; readonly seconds: number },
	say: (event: string) => void,
): Guard {
	let left = after;
	return {
		...honestGuard(gate),
		mayOpen() {
			if (!gate.mayOpen()) return false;
			left -= 1;
			if (left !== 0) return true;
			say("hangs");
			const end = performance.now() + seconds * 1_000;
			const parent = process.ppid;
			while (performance.now() < end) {
				sleep(Math.min(sliceMilliseconds, end - performance.now()));
				if (process.ppid !== parent) process.exit(1);
			}
			say("wakes");
			return gate.mayOpen();
		},
	};
}

/** Blocks the event loop, and burns nothing. */
function sleep(milliseconds: number): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.max(0, milliseconds));
}

import { type BenchDesk, raise } from "./bench-desk.ts";
import { BenchError } from "./error.ts";
import type { Floor } from "./floor.ts";

/**
 * Raises a desk that operators govern; milliseconds from the acknowledgement until the watch has shown a
 * deletion timestamp on every pod. Negative where that was before the acknowledgement came back.
 */
export async function measureOperator(floor: Floor, desk: BenchDesk): Promise<number> {
	assertFull(floor, desk);
	const told = allTold(floor, desk);
	const [acknowledgedAt, toldAt] = await Promise.all([raise(floor, desk), told]);
	return toldAt - acknowledgedAt;
}

/**
 * The same work without an operator: the same raise, so that the fence denies replacements as it does for the
 * operator, and at its acknowledgement a process that knows the pods beforehand deletes them.
 */
export async function measureBare(floor: Floor, desk: BenchDesk, inFlight: number): Promise<number> {
	assertFull(floor, desk);
	await floor.bareDelete.arm(floor.watch.running(desk.namespace), inFlight);
	const told = allTold(floor, desk);
	const bare = async () => {
		const acknowledgedAt = await raise(floor, desk);
		await floor.bareDelete.go();
		return acknowledgedAt;
	};
	const [acknowledgedAt, toldAt] = await Promise.all([bare(), told]);
	return toldAt - acknowledgedAt;
}

function allTold({ watch }: Floor, { namespace }: BenchDesk): Promise<number> {
	return watch.when("every pod was told to stop", namespace, ({ untold }) => untold === 0);
}

function assertFull({ watch }: Floor, { namespace, pods }: BenchDesk): void {
	const { untold } = watch.counts(namespace);
	if (untold !== pods)
		throw new BenchError("NOT_AS_EXPECTED", `${namespace} has ${untold} running pods instead of ${pods}`);
}

import type { ExecutionContext } from "ava";

/** What things that must end are bound to: a test, or where there is no test runner an {@link OwnScope}. */
export type Scope = Pick<ExecutionContext, "teardown">;

/** A scope that its owner closes. */
export class OwnScope implements Scope {
	readonly #ends: (() => unknown)[] = [];

	teardown(end: () => unknown): void {
		this.#ends.push(end);
	}

	/** Ends everything, the last first. Throws the first error when all were tried. */
	async close(): Promise<void> {
		const errors: unknown[] = [];
		for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
			try {
				await end();
			} catch (error) {
				errors.push(error);
			}
		}
		if (errors.length > 0) throw errors[0];
	}
}

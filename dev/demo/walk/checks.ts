/** What a step wants to be so: what it is about, and what was seen instead when it is not. */
export type Verdict =
	| { readonly good: true }
	| { readonly good: false; readonly expected: string; readonly seen: string };

/** Collects checks, each printed as one line when it is known. */
export class Checks {
	readonly #print: (line: string) => void;
	#passed = 0;
	#failed = 0;

	constructor(print: (line: string) => void) {
		this.#print = print;
	}

	get failed(): number {
		return this.#failed;
	}

	/** Says whether two values are the same, compared as JSON. */
	same(what: string, seen: unknown, expected: unknown): boolean {
		const is = JSON.stringify(seen) ?? "nothing";
		const wanted = JSON.stringify(expected) ?? "nothing";
		return this.note(what, is === wanted ? { good: true } : { good: false, expected: wanted, seen: is });
	}

	/** Takes a verdict down and says whether it is good. */
	note(what: string, verdict: Verdict): boolean {
		if (verdict.good) {
			this.#passed += 1;
			this.#print(`ok      ${what}`);
		} else {
			this.#failed += 1;
			this.#print(`FAILED  ${what}: expected ${verdict.expected}, saw ${verdict.seen}`);
		}
		return verdict.good;
	}

	/** `N passed, N failed` */
	summary(): string {
		return `${this.#passed} passed, ${this.#failed} failed`;
	}
}

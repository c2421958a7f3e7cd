/** What happened, in order, with the seconds since the beginning. */
export class Chronicle {
	readonly #start = performance.now();
	readonly #lines: string[] = [];
	readonly #echo: ((line: string) => void) | undefined;

	/** `echo`: told each line as it is written. */
	constructor(echo?: (line: string) => void) {
		this.#echo = echo;
	}

	note(text: string): void {
		const line = `${this.seconds().toFixed(3).padStart(8)} s  ${text}`;
		this.#lines.push(line);
		this.#echo?.(line);
	}

	get lines(): readonly string[] {
		return this.#lines;
	}

	/** Since the beginning. */
	seconds(): number {
		return (performance.now() - this.#start) / 1000;
	}
}

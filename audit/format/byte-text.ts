/**
 * Text of which each character is one byte (latin1), written into one buffer as it comes. Of the lines of a round none lives on as a
 * string then, which the garbage collector would copy again and again.
 */
export class ByteText {
	#bytes: Buffer;
	#length = 0;

	/** With room for so many bytes; it grows where that is not enough. */
	constructor(expectedBytes: number) {
		this.#bytes = Buffer.allocUnsafeSlow(expectedBytes);
	}

	get length(): number {
		return this.#length;
	}

	append(text: string): void {
		const length = this.#length + text.length;
		if (length > this.#bytes.length) {
			const larger = Buffer.allocUnsafeSlow(2 * length);
			this.#bytes.copy(larger, 0, 0, this.#length);
			this.#bytes = larger;
		}
		this.#bytes.write(text, this.#length, "latin1");
		this.#length = length;
	}

	/** What was written so far; not a copy. */
	bytes(): Buffer {
		return this.#bytes.subarray(0, this.#length);
	}
}

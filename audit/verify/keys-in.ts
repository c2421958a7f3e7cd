import { numberOf } from "../layout.ts";

/** The numbers in the keys below a folder, ascending. */
export function numbersIn(keys: readonly string[], prefix: string): readonly number[] {
	return keys
		.filter((key) => key.startsWith(prefix))
		.flatMap((key) => numberOf(key) ?? [])
		.sort((a, b) => a - b);
}

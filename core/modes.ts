import { type Column, columns, type Mode, modes } from "../crds/vocabulary.ts";

const unknownRank = modes.indexOf("Emergency");

/** Severity of a mode or of Freeze, 0 for Normal. An unknown word ranks as Emergency. */
export function rank(word: string | undefined): number {
	const found = (columns as readonly string[]).indexOf(word ?? "");
	return found < 0 ? unknownRank : found;
}

/** The mode that a word from the API stands for; an unknown one stands for Emergency. */
export function modeOf(word: string | undefined): Mode {
	return modes.find((mode) => mode === word) ?? "Emergency";
}

/** The column that a word from the API stands for; an unknown one stands for Emergency. */
export function columnOf(word: string | undefined): Column {
	return columns.find((column) => column === word) ?? "Emergency";
}

/** The more severe of two columns. */
export function moreSevere<C extends Column>(a: C, b: C): C {
	return rank(a) >= rank(b) ? a : b;
}

/**
 * True when a mode may be lowered from one to the other in one step: Emergency -> Pause, Reduce -> Pause or
 * Normal, Pause -> Normal. Arguments are ranks.
 */
export function allowedStep(from: number, to: number): boolean {
	const pause = rank("Pause");
	return from === rank("Emergency") ? to === pause : to === pause || to === 0;
}

/** The mildest mode that one step down from `mode` reaches. */
export function mildestStep(mode: Mode): Mode {
	return mode === "Emergency" ? "Pause" : "Normal";
}

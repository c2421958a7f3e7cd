// Control characters (C0, DEL, C1), ends of lines and paragraphs, and what turns the direction of text around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be shown.
const steering = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text out of a trail or from elsewhere as it may be shown to people: on one line, and without what forges lines or steers a
 * terminal. That is spelled as in JSON, such as `\u001b`; JSON on one line stays the same JSON.
 */
export function plain(text: string): string {
	return text.replace(steering, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for text of several lines that are ours, such as JSON for people. */
export function plainLines(text: string): string {
	return text.split("\n").map(plain).join("\n");
}

import { type Finding, findingCodes } from "../verify/finding.ts";
import { plain } from "./plain.ts";

/** A finding as one line for people. */
export function findingText({ code, index, object, message }: Finding): string {
	const where = index === undefined ? object : `entry ${index}, ${object}`;
	return plain(`${code} (${findingCodes[code]})  ${where}: ${message}`);
}

import { usageError } from "./usage.ts";

const pattern =
	/^(\d{4})-(\d\d)-(\d\d)(?:T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/**
 * Reads a time: RFC 3339 with its zone, or a date alone, which is its 00:00 UTC. What Node.js reads beside that is taken for what nobody
 * meant, and in the zone of whoever calls. Throws `USAGE`.
 */
export function time(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	const upper = text.toUpperCase();
	const [, year, month, day] = pattern.exec(upper) ?? [];
	if (year === undefined || !isDay(Number(year), Number(month), Number(day))) {
		throw usageError(
			`${name} must be a time like 2026-01-31T12:00:00Z, with its zone, or a day like 2026-01-31, got "${text}"`,
		);
	}
	return Date.parse(upper);
}

function isDay(year: number, month: number, day: number): boolean {
	const days = new Date(0);
	// Years below 100 are those of the last century for Date.UTC.
	days.setUTCFullYear(year, month, 0);
	return month >= 1 && month <= 12 && day >= 1 && day <= days.getUTCDate();
}

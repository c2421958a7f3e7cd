/** Why a call to the API server failed. Two reasons of HTTP 409 have codes of their own. */
export type KubeErrorCode =
	| "ALREADY_EXISTS"
	| "CANCELLED"
	| "CONFIG"
	| "CONFLICT"
	| "CONNECTION"
	| "FORBIDDEN"
	| "GONE"
	| "INVALID"
	| "MALFORMED"
	| "NOT_FOUND"
	| "SERVER"
	| "TIMEOUT"
	| "TOO_MANY_REQUESTS"
	| "UNAUTHORIZED";

/** What is known of a failure beside its code and message. */
export type KubeErrorFacts = {
	/** HTTP status. */
	readonly status?: number | undefined;
	/** `reason` of the Status object, such as `Expired`. */
	readonly reason?: string | undefined;
	/** How long the server asks to wait, from `Retry-After` or from the Status object. */
	readonly retryAfterSeconds?: number | undefined;
	/** `details` of the Status object, as received. */
	readonly details?: unknown;
	readonly cause?: unknown;
};

/** The one error of this folder. Its message names the call and carries the server's own message in full. */
export class KubeError extends Error {
	override readonly name = "KubeError";
	readonly code: KubeErrorCode;
	// What is not known is no property: some that print errors stumble over one that is undefined.
	declare readonly status?: number;
	declare readonly reason?: string;
	declare readonly retryAfterSeconds?: number;
	declare readonly details?: unknown;

	constructor(code: KubeErrorCode, message: string, facts: KubeErrorFacts = {}) {
		super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
		this.code = code;
		if (facts.status !== undefined) this.status = facts.status;
		if (facts.reason !== undefined) this.reason = facts.reason;
		if (facts.retryAfterSeconds !== undefined) this.retryAfterSeconds = facts.retryAfterSeconds;
		if (facts.details !== undefined) this.details = facts.details;
	}
}

/** Whether `error` is a {@link KubeError} with one of `codes` (any, when none is named). */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeError {
	return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}

/** What a call answers, or undefined where there is no such thing (`NOT_FOUND`). */
export async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
	try {
		return await call;
	} catch (error) {
		if (isKubeError(error, "NOT_FOUND")) return undefined;
		throw error;
	}
}

/** The part of a Kubernetes `Status` object (meta/v1) that explains a failure. */
type Status = {
	readonly kind?: string;
	readonly code?: number;
	readonly reason?: string;
	readonly message?: string;
	readonly details?: { readonly retryAfterSeconds?: number };
};

/**
 * The error for an answer with `status` >= 400, or for the object of a watch's ERROR event.
 * `call` is the method and path. `retryAfter` is the header of that name, in seconds or as a date (RFC 9110).
 */
export function errorFromStatus(
	call: string,
	status: number,
	body: string,
	retryAfter?: string | undefined,
): KubeError {
	const object = parseStatus(body);
	const reason = object?.reason;
	const message = object?.message ?? (body.trim().slice(0, 1000) || "no message");
	return new KubeError(
		codeOf(status, reason),
		`${call}: ${status}${reason ? ` ${reason}` : ""}: ${message}`,
		{
			status,
			reason,
			retryAfterSeconds: secondsOf(retryAfter) ?? object?.details?.retryAfterSeconds,
			details: object?.details,
		},
	);
}

function parseStatus(body: string): Status | undefined {
	try {
		const value: unknown = JSON.parse(body);
		const isStatus = typeof value === "object" && value !== null && (value as Status).kind === "Status";
		return isStatus ? (value as Status) : undefined;
	} catch {
		// A proxy in between answers with text or HTML; the caller then shows that text.
		return undefined;
	}
}

function secondsOf(retryAfter: string | undefined): number | undefined {
	if (retryAfter === undefined) return undefined;
	const seconds = Number(retryAfter);
	if (Number.isFinite(seconds)) return Math.max(0, seconds);
	const until = Date.parse(retryAfter);
	return Number.isNaN(until) ? undefined : Math.max(0, (until - Date.now()) / 1000);
}

function codeOf(status: number, reason: string | undefined): KubeErrorCode {
	switch (status) {
		case 401:
			return "UNAUTHORIZED";
		case 403:
			return "FORBIDDEN";
		case 404:
			return "NOT_FOUND";
		case 409:
			return reason === "AlreadyExists" ? "ALREADY_EXISTS" : "CONFLICT";
		case 410:
			return "GONE";
		case 429:
			return "TOO_MANY_REQUESTS";
		default:
			return status >= 500 ? "SERVER" : "INVALID";
	}
}

/** The time now, RFC 3339 with milliseconds, for people. Durations are measured on the monotonic clock. */
export const timestamp = (): string => new Date().toISOString();

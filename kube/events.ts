import type { Client } from "./client.ts";
import { microTime } from "./object.ts";
import { pathOf } from "./paths.ts";

/** What an event is about (core/v1 ObjectReference). */
export type Regarding = {
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
	readonly namespace?: string;
	readonly uid?: string;
};

/** One event (events.k8s.io/v1). */
export type EventRecord = {
	readonly regarding: Regarding;
	readonly type: "Normal" | "Warning";
	/** CamelCase, why it happened. */
	readonly reason: string;
	/** CamelCase, what was done or failed. */
	readonly action: string;
	/** For people. Longer than 1 kB is cut. */
	readonly note: string;
};

export type EventRecorderOptions = {
	readonly client: Pick<Client, "create">;
	/** Such as `tradingsafety.dev/operator`. */
	readonly reportingController: string;
	/** Such as the name of the pod. */
	readonly reportingInstance: string;
	/** An event that was lost, and why. Must not throw. */
	readonly onLost: (event: EventRecord, cause: unknown) => void;
	/** The same event within this time is recorded once. Default 60 s. */
	readonly repeatMilliseconds?: number;
	/** How many may wait. Default 500. */
	readonly capacity?: number;
};

export type EventCounts = { readonly recorded: number; readonly repeated: number; readonly lost: number };

/** The limit of the API server (events.k8s.io/v1, `note`). */
const noteBytes = 1024;

/** How many different events are remembered in order to recognise a repetition. */
const longestMemory = 4096;

/** Writes events in the background, one at a time: they are for people and must never delay a halt. */
export class EventRecorder {
	readonly #options: EventRecorderOptions;
	readonly #waiting: EventRecord[] = [];
	/** When each event was last recorded, oldest first. */
	readonly #recent = new Map<string, number>();
	readonly #cancel = new AbortController();
	#counts = { recorded: 0, repeated: 0, lost: 0 };
	#stopped = false;
	#working: Promise<void> | undefined;

	constructor(options: EventRecorderOptions) {
		this.#options = options;
	}

	counts(): EventCounts {
		return { ...this.#counts };
	}

	/** Returns at once and never throws. */
	record(event: EventRecord): void {
		if (this.#isRepeat(event)) {
			this.#counts.repeated += 1;
		} else if (this.#stopped || this.#waiting.length >= (this.#options.capacity ?? 500)) {
			this.#lose(event, new Error(this.#stopped ? "the recorder is stopped" : "too many events are waiting"));
		} else {
			this.#waiting.push(event);
			this.#working ??= this.#work();
		}
	}

	/** Writes what is waiting, for at most `deadlineMilliseconds` (default 2 s); the rest is lost and reported. */
	async stop(options: { readonly deadlineMilliseconds?: number } = {}): Promise<void> {
		this.#stopped = true;
		const timer = setTimeout(() => this.#cancel.abort(), options.deadlineMilliseconds ?? 2_000);
		await this.#working;
		clearTimeout(timer);
	}

	#isRepeat(event: EventRecord): boolean {
		const now = performance.now();
		const oldest = now - (this.#options.repeatMilliseconds ?? 60_000);
		for (const [key, at] of this.#recent) {
			if (at >= oldest) break;
			this.#recent.delete(key);
		}
		const key = sameness(event);
		if (this.#recent.has(key)) return true;
		const [eldest] = this.#recent.keys();
		if (eldest !== undefined && this.#recent.size >= longestMemory) this.#recent.delete(eldest);
		this.#recent.set(key, now);
		return false;
	}

	async #work(): Promise<void> {
		for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
			try {
				await this.#write(event);
				this.#counts.recorded += 1;
			} catch (error) {
				this.#lose(event, error);
			}
		}
		this.#working = undefined;
	}

	async #write(event: EventRecord): Promise<void> {
		const { client, reportingController, reportingInstance } = this.#options;
		// Events about what has no namespace live in `default`, as those of client-go do.
		const namespace = event.regarding.namespace ?? "default";
		const path = pathOf({ group: "events.k8s.io", version: "v1", resource: "events", namespace });
		const object = {
			apiVersion: "events.k8s.io/v1",
			kind: "Event",
			metadata: { namespace, generateName: `${nameFrom(event.regarding.name)}-` },
			eventTime: microTime(new Date()),
			reportingController,
			reportingInstance,
			...event,
			note: cut(event.note, noteBytes),
		};
		await client.create(path, object, undefined, { signal: this.#cancel.signal });
	}

	#lose(event: EventRecord, cause: unknown): void {
		this.#counts.lost += 1;
		// It was not recorded, so the next of its kind is no repetition.
		this.#recent.delete(sameness(event));
		this.#options.onLost(event, cause);
	}
}

function sameness({ regarding, reason, note }: EventRecord): string {
	return JSON.stringify([regarding.kind, regarding.namespace, regarding.name, reason, note]);
}

/** The start of a valid object name (RFC 1123 subdomain), with room for the suffix of the API server. */
function nameFrom(name: string): string {
	return name
		.toLowerCase()
		.replaceAll(/[^a-z0-9.-]/g, "-")
		.slice(0, 200)
		.replace(/[^a-z0-9]+$/, "");
}

/** At most `bytes` of UTF-8, never half a character. */
function cut(text: string, bytes: number): string {
	if (Buffer.byteLength(text) <= bytes) return text;
	let end = 0;
	let size = 3;
	for (const character of text) {
		size += Buffer.byteLength(character);
		if (size > bytes) break;
		end += character.length;
	}
	return `${text.slice(0, end)}…`;
}

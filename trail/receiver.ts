import { createHash, timingSafeEqual } from "node:crypto";
import { attempts } from "../audit/cli/attempts.ts";
import { messageOf } from "../audit/error.ts";
import type { Happening } from "../audit/recorder.ts";
import type { Writer } from "../audit/writer.ts";
import { TrailError } from "./error.ts";
import { Folding } from "./folding.ts";
import { judgeEvent } from "./kube-audit.ts";
import { fieldsOf, isKubeEvent, type KubeEvent } from "./kube-event.ts";
import type { Metrics } from "./metrics.ts";

/** What a {@link Receiver} works with. */
export type ReceiverOptions = {
	readonly token: string;
	/** Who it is in the record. */
	readonly identity: string;
	readonly writer: Pick<Writer, "record" | "onDisk" | "state">;
	readonly metrics: Metrics;
	readonly onFailed: (where: string, error: unknown) => void;
};

/** How long an answer waits for the disk. API servers wait longer. */
const diskMilliseconds = 5_000;
const foldMilliseconds = 5_000;
/** Entries that wait for the store at most before API servers are to keep theirs: they are in memory, too. */
const mostBehind = 20_000;
/** Events, and versions of objects, that are remembered so that none is recorded twice. */
const mostRemembered = 10_000;

/** Takes the audit events of API servers (webhook back end, batch mode). What it has answered for is on the disk. */
export class Receiver {
	readonly #options: ReceiverOptions;
	readonly #digest: Buffer;
	readonly #folding = new Folding();
	/** By audit id: the ticket of what was recorded of it. An API server that had no answer sends an event again. */
	readonly #tickets = new Map<string, number>();
	readonly #versions = new Map<string, string>();
	readonly #timer: NodeJS.Timeout;
	#hasHeard = false;

	constructor(options: ReceiverOptions) {
		this.#options = options;
		this.#digest = digest(options.token);
		this.#timer = setInterval(() => this.#unfold(), foldMilliseconds);
		this.#timer.unref();
	}

	/** Throws `UNAUTHORIZED` for whoever does not show the token; how long that takes does not tell how much of it was right. */
	authorize(header: string | undefined): void {
		const [, shown = ""] = /^Bearer (\S+)$/i.exec(header ?? "") ?? [];
		if (!timingSafeEqual(digest(shown), this.#digest)) {
			throw new TrailError("UNAUTHORIZED", "show the token of --kube-audit-token as bearer");
		}
	}

	/**
	 * Records what there is in a list of events. Throws `INPUT` for what is none, and `BUSY` when it is not on the disk: whoever
	 * sends it sends it again, and what of it was recorded by then is not recorded twice.
	 */
	async receive(body: Buffer): Promise<void> {
		const { writer, metrics, onFailed } = this.#options;
		const state = writer.state();
		if (state.kind === "Failing") throw new TrailError("BUSY", `the own spool fails: ${state.why}`);
		if (state.kind === "Behind" && state.entries > mostBehind) {
			throw new TrailError("BUSY", `${state.entries} entries wait for the store`);
		}
		let last = 0;
		for (const event of eventsOf(body)) {
			if (isKubeEvent(event)) last = Math.max(last, this.#take(event));
			else {
				metrics.kubeAuditEvents.inc({ outcome: "Malformed" });
				onFailed(
					"KubeAudit",
					new TrailError("INPUT", `this is no audit event: ${JSON.stringify(event).slice(0, 500)}`),
				);
			}
		}
		metrics.kubeAuditHeard.setToCurrentTime();
		if (last > 0 && !(await writer.onDisk(last, diskMilliseconds))) {
			throw new TrailError("BUSY", "the own spool has not written it in time");
		}
	}

	/** Records what was only counted. */
	stop(): void {
		clearInterval(this.#timer);
		for (const happening of this.#folding.due(true)) this.#options.writer.record(happening);
	}

	/** The ticket of what is recorded of it; 0: nothing. */
	#take(event: KubeEvent): number {
		const { metrics } = this.#options;
		const id = `${event.auditID} ${event.stage}`;
		const known = this.#tickets.get(id);
		if (known !== undefined) {
			metrics.kubeAuditEvents.inc({ outcome: "Repeated" });
			return known;
		}
		if (!this.#hasHeard) {
			this.#hasHeard = true;
			this.#options.writer.record(heard(this.#options.identity));
		}
		const happening = this.#judge(event);
		const ticket = happening === undefined ? 0 : this.#options.writer.record(happening);
		remember(this.#tickets, id, ticket);
		return ticket;
	}

	#judge(event: KubeEvent): Happening | undefined {
		const { kubeAuditEvents, denials } = this.#options.metrics;
		const judged = judgeEvent(event);
		switch (judged.kind) {
			case "Ignored":
				kubeAuditEvents.inc({ outcome: "Ignored" });
				return undefined;
			case "Changed": {
				const { version, happening } = judged;
				const isSame = version !== undefined && this.#versions.get(version.uid) === version.resourceVersion;
				if (version !== undefined) remember(this.#versions, version.uid, version.resourceVersion);
				kubeAuditEvents.inc({ outcome: isSame ? "Unchanged" : "Recorded" });
				return isSame ? undefined : happening;
			}
			case "Denied": {
				denials.inc({ by: judged.by });
				const happening = this.#folding.add(judged.key, judged.happening);
				kubeAuditEvents.inc({ outcome: happening === undefined ? "Folded" : "Recorded" });
				return happening;
			}
		}
	}

	#unfold(): void {
		for (const happening of this.#folding.due()) this.#options.writer.record(happening);
	}
}

/** Forgets the oldest where there are too many. */
function remember<T>(all: Map<string, T>, key: string, value: T): void {
	all.delete(key);
	all.set(key, value);
	const [oldest] = all.keys();
	if (all.size > mostRemembered && oldest !== undefined) all.delete(oldest);
}

/** That API servers do send events, which that they are taken does not show. */
function heard(identity: string): Happening {
	return {
		...{ kind: "Configuration", action: attempts.heard, actor: { name: identity } },
		entity: { type: "Component", id: identity },
	};
}

function eventsOf(body: Buffer): readonly unknown[] {
	let list: unknown;
	try {
		list = JSON.parse(body.toString());
	} catch (cause) {
		throw new TrailError("INPUT", `this is no JSON: ${messageOf(cause)}`, { cause });
	}
	const { kind, apiVersion, items } = fieldsOf(list);
	if (kind === "EventList" && apiVersion === "audit.k8s.io/v1" && Array.isArray(items)) return items;
	throw new TrailError("INPUT", "this is no EventList of audit.k8s.io/v1");
}

function digest(text: string): Buffer {
	return createHash("sha256").update(text).digest();
}

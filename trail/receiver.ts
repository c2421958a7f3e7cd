import { createHash, timingSafeEqual } from "node:crypto";
import type { Writer } from "../audit/writer.ts";
import { TrailError } from "./error.ts";
import type { Metrics } from "./metrics.ts";

/** What a {@link Receiver} works with. */
export type ReceiverOptions = {
	readonly token: string;
	readonly writer: Writer;
	readonly metrics: Metrics;
	readonly onFailed: (where: string, error: unknown) => void;
};

/** Takes the audit events of API servers. */
export class Receiver {
	readonly #options: ReceiverOptions;
	readonly #digest: Buffer;

	constructor(options: ReceiverOptions) {
		this.#options = options;
		this.#digest = digest(options.token);
	}

	/** Throws `UNAUTHORIZED` for whoever does not show the token; how long that takes does not tell how much of it was right. */
	authorize(header: string | undefined): void {
		const [, shown = ""] = /^Bearer (\S+)$/.exec(header ?? "") ?? [];
		if (!timingSafeEqual(digest(shown), this.#digest)) {
			throw new TrailError("UNAUTHORIZED", "show the token of --kube-audit-token as bearer");
		}
	}

	async receive(_body: Buffer): Promise<void> {
		void this.#options;
	}

	stop(): void {}
}

function digest(text: string): Buffer {
	return createHash("sha256").update(text).digest();
}

import { handOverTo } from "./hand-over.ts";
import type { RecordSettings } from "./settings.ts";
import { signerAt } from "./signer.ts";
import { Writer, type WriterOptions } from "./writer.ts";

/** The writer of a component; it opens key and spool itself, and tries again where that fails. Nothing is recorded before `start`. */
export function writerOf(
	{ dir, key, log, url }: RecordSettings,
	rest: Pick<
		WriterOptions,
		"name" | "about" | "onFailed" | "onStored" | "heartbeatSeconds" | "files" | "clockQuality"
	> & {
		/** Done once before anything is handed over; when it throws it is done again, and nothing is handed over before. */
		readonly atFirst?: () => Promise<void>;
	},
): Writer {
	const { atFirst = async () => {}, ...options } = rest;
	const { handOver, close } = handOverTo({ url });
	let isFirst = true;
	return new Writer({
		...{ ...options, dir, log, signer: () => signerAt(key), onEnd: close },
		async handOver(signed) {
			if (isFirst) await atFirst();
			isFirst = false;
			return handOver(signed);
		},
	});
}

/** One answer over HTTP/1.1. */
export type HttpAnswer = { readonly status: number; readonly body: string };

const headEnd = Buffer.from("\r\n\r\n");

/**
 * Reads answers that follow each other on a connection, each with a content-length. Feed it what came; it calls back
 * for each whole answer. Throws an Error when what came is no such answer.
 */
export function createAnswerReader(onAnswer: (answer: HttpAnswer) => void): (chunk: Buffer) => void {
	let rest: Buffer = Buffer.alloc(0);
	return (chunk) => {
		rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
		for (;;) {
			const end = rest.indexOf(headEnd);
			if (end === -1) return;
			const head = rest.toString("latin1", 0, end);
			const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
			const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
			if (Number.isNaN(status) || Number.isNaN(length)) throw new Error(`no answer with a length: ${head}`);
			const bodyAt = end + headEnd.length;
			if (rest.length < bodyAt + length) return;
			const body = rest.toString("utf8", bodyAt, bodyAt + length);
			rest = rest.subarray(bodyAt + length);
			onAnswer({ status, body });
		}
	};
}

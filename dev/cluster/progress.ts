/** Tells a waiting person what happens: `what`, how far it is, and, added by the display, how long so far. */
export type Progress = {
	/** The step that goes on now. Called as often as something changes. */
	report(what: string, howFar?: string): void;
	/** Ends the step on a line of its own that stays. */
	finish(): void;
};

/** For callers who do not want to know. */
export const silent: Progress = { report: () => {}, finish: () => {} };

/** Steps shorter than this leave no line on a display that cannot rewrite one. */
const LINE_INTERVAL_MILLISECONDS = 10_000;

/**
 * On a terminal one line per step, rewritten every second; elsewhere a line when a step starts, one about
 * every ten seconds while it lasts, and one when it ends.
 */
export function displayProgress(stream: NodeJS.WriteStream): Progress {
	let step: { readonly what: string; readonly start: number } | undefined;
	let howFar = "";
	let timer: NodeJS.Timeout | undefined;
	let lastLine = 0;

	function text(): string {
		if (step === undefined) return "";
		const seconds = Math.floor((performance.now() - step.start) / 1000);
		return [step.what, howFar, seconds > 0 ? `${seconds} s` : ""].filter((part) => part !== "").join(", ");
	}
	function rewrite(): void {
		stream.write(`\r\x1b[2K${text()}`.slice(0, (stream.columns ?? 80) + 4));
	}
	function line(): void {
		lastLine = performance.now();
		stream.write(`${text()}\n`);
	}
	function finish(): void {
		clearInterval(timer);
		if (step === undefined) return;
		if (stream.isTTY) {
			rewrite();
			stream.write("\n");
		} else if (performance.now() - step.start >= 1000) line();
		step = undefined;
	}

	return {
		report(what, far = "") {
			if (step?.what === what) {
				howFar = far;
				return;
			}
			finish();
			step = { what, start: performance.now() };
			howFar = far;
			if (stream.isTTY) rewrite();
			else line();
			timer = setInterval(() => {
				if (stream.isTTY) rewrite();
				else if (performance.now() - lastLine >= LINE_INTERVAL_MILLISECONDS) line();
			}, 1000);
			// A display alone must not keep a program alive.
			timer.unref();
		},
		finish,
	};
}

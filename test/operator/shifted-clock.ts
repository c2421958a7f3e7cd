/** Loaded with `--import` before a replica: its wall clock is off by some hours, its monotonic one is not. */
const shift = Number(process.env.TRADINGSAFETY_TEST_CLOCK_HOURS) * 3_600_000;
const RightDate = Date;

globalThis.Date = class extends RightDate {
	constructor(...args: readonly [] | readonly [string | number | Date]) {
		const [given] = args;
		super(given ?? RightDate.now() + shift);
	}

	static override now(): number {
		return RightDate.now() + shift;
	}
} as DateConstructor;

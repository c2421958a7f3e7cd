import type { ButtonEvent } from "./button.ts";
import { Device } from "./device.ts";
import type { HidInterface, Profile } from "./devices/profile.ts";
import { profileOf } from "./devices/profiles.ts";
import type { HidTransport } from "./transport.ts";

/** What {@link Station} needs and tells. None of these may throw. */
export type StationOptions = {
	readonly transport: HidTransport;
	/** Buttons that were configured, beside the devices that are known. */
	readonly profiles: readonly Profile[];
	/** True for an interface that somebody relies on: one that cannot be used is told of. */
	readonly isExpected: (info: HidInterface) => boolean;
	/** All that is there now, whether it can be used or not; told at each look. */
	readonly onListed: (found: readonly HidInterface[]) => void;
	readonly onOpened: (device: Device) => void;
	readonly onEvent: (event: ButtonEvent, device: Device) => void;
	readonly onDamaged: (device: HidInterface, why: string) => void;
	readonly onWriteFailed: (device: HidInterface, error: unknown) => void;
	/** One that was open is gone. */
	readonly onLost: (device: Device, error: unknown) => void;
	/** What is wrong with devices now, one line each with what to do; told when it changes. */
	readonly onProblems: (problems: readonly string[]) => void;
};

/** A backstop: a device that came without a sign is seen by then. */
const sweepMilliseconds = 1_000;

/** Opens every device that it knows how to speak to, and opens it again when it comes back. */
export class Station {
	readonly #options: StationOptions;
	readonly #open = new Map<string, Device>();
	#unwatch: (() => void) | undefined;
	#timer: NodeJS.Timeout | undefined;
	#looking: Promise<void> | undefined;
	#again = false;
	#isStopped = false;
	#problems: readonly string[] = [];

	constructor(options: StationOptions) {
		this.#options = options;
	}

	/** The devices that are open. */
	devices(): readonly Device[] {
		return [...this.#open.values()];
	}

	start(): void {
		this.#unwatch = this.#options.transport.watch(() => this.#look());
		this.#timer = setInterval(() => this.#look(), sweepMilliseconds);
		this.#look();
	}

	/** Closes all of them. */
	async stop(): Promise<void> {
		this.#isStopped = true;
		this.#unwatch?.();
		clearInterval(this.#timer);
		await this.#looking;
		await Promise.all(this.devices().map((device) => device.close()));
		this.#open.clear();
	}

	#look(): void {
		this.#again = true;
		this.#looking ??= this.#lookAgain().finally(() => {
			this.#looking = undefined;
		});
	}

	async #lookAgain(): Promise<void> {
		while (this.#again && !this.#isStopped) {
			this.#again = false;
			const problems = await this.#lookOnce();
			if (problems.join() === this.#problems.join()) continue;
			this.#problems = problems;
			this.#options.onProblems(problems);
		}
	}

	async #lookOnce(): Promise<readonly string[]> {
		const { transport, profiles, isExpected, onListed } = this.#options;
		let found: readonly HidInterface[];
		try {
			found = await transport.list();
		} catch (error) {
			return [`the devices of this machine cannot be listed: ${messageOf(error)}`];
		}
		onListed(found);
		// A device may be listed once for each of its usages: it is enough that one of them is known.
		const problems: { readonly path: string; readonly why: string }[] = [];
		for (const info of found) {
			if (this.#isStopped || this.#open.has(info.path)) continue;
			const answer = profileOf(info, profiles);
			switch (answer.kind) {
				case "NoProfile":
					// Keyboards and mice are no business of ours.
					if (isExpected(info)) problems.push({ path: info.path, why: answer.why });
					break;
				case "TwoProfiles":
					problems.push({ path: info.path, why: answer.why });
					break;
				case "Profile": {
					const why = await this.#openOne(info, answer.profile);
					if (why !== undefined) problems.push({ path: info.path, why });
				}
			}
		}
		return problems.flatMap(({ path, why }) => (this.#open.has(path) ? [] : [why]));
	}

	/** Why it is not open; undefined: it is. */
	async #openOne(info: HidInterface, profile: Profile): Promise<string | undefined> {
		const { transport, onOpened, onEvent, onDamaged, onWriteFailed, onLost } = this.#options;
		try {
			const device = await Device.open({
				...{ transport, info, profile, onEvent },
				onDamaged: (why) => onDamaged(info, why),
				onWriteFailed: (error) => onWriteFailed(info, error),
				onLost: (error) => {
					const lost = this.#open.get(info.path);
					if (lost === undefined) return;
					this.#open.delete(info.path);
					void lost.close();
					onLost(lost, error);
					this.#look();
				},
			});
			if (device.isOver) return `${info.path} went as soon as it was opened: it is tried again`;
			this.#open.set(info.path, device);
			onOpened(device);
			return undefined;
		} catch (error) {
			return messageOf(error);
		}
	}
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

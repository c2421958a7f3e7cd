import type { TradingSafety } from "../../crds/types.ts";
import { isKubeError, KubeError } from "../../kube/error.ts";
import { severityOf } from "../core/world/oracle.ts";
import { type Lowering, nextLowering } from "../core/world/people.ts";
import type { TestDesk } from "../operator/desk.ts";
import type { people } from "../operator/people.ts";
import { until } from "../support/until.ts";
import type { Chronicle } from "./chronicle.ts";
import type { RaisedMode } from "./story.ts";

const patienceMilliseconds = 40_000;

/** The people of a desk, who try again while the API server is away, and write down what they do. */
export class Crew {
	readonly #desk: TestDesk;
	readonly #people: Awaited<ReturnType<typeof people>>;
	readonly #chronicle: Chronicle;
	/** The reasons that were given: each lowering has its own. */
	readonly lowerings = new Set<string>();
	readonly overrides = new Set<string>();
	#count = 0;

	constructor(desk: TestDesk, crew: Awaited<ReturnType<typeof people>>, chronicle: Chronicle) {
		this.#desk = desk;
		this.#people = crew;
		this.#chronicle = chronicle;
	}

	/** Raises, or, where that mode would be no raise, trips. */
	async raise(to: RaisedMode): Promise<void> {
		await this.#persist(`raise ${to}`, async () => {
			const { spec } = await this.#desk.get();
			const higher = severityOf(to) > severityOf(spec.mode ?? "");
			const patch = higher ? { mode: to } : { trip: { id: `trip-${++this.#count}`, type: "Button" } };
			return this.#desk.patch(patch, this.#people.raiser.client);
		});
	}

	async raiseTarget(target: string, to: RaisedMode): Promise<void> {
		await this.#persist(`raise ${target} to ${to}`, async () => {
			const desk = await this.#desk.get();
			if (severityOf(to) <= severityOf(desk.spec.targetModes?.[target] ?? "Normal")) return desk;
			return this.#desk.patch({ targetModes: { [target]: to } }, this.#people.raiser.client);
		});
	}

	async freeze(): Promise<void> {
		await this.#persist("freeze", () => this.#desk.patch({ freeze: true }, this.#people.raiser.client));
	}

	/** One step down without clearance. */
	async override(far: boolean): Promise<void> {
		const desk = await this.#persist("look", () => this.#desk.get());
		const lowering = desk === undefined ? undefined : stepDown(desk, far);
		if (lowering === undefined) return;
		const reason = this.#reason("override");
		this.overrides.add(reason);
		await this.#persist(`override: ${reason}`, async () => {
			return this.#desk.patch({ ...lowered(lowering), reason, resetRequest: null });
		});
	}

	/**
	 * One step down, with clearance and, where the desk asks for it, an approval. False when it is in Normal.
	 * Throws when it is not cleared within the time.
	 */
	async lower(far: boolean, withinMilliseconds: number): Promise<boolean> {
		const { requester } = this.#people;
		return until(
			"the desk can be lowered",
			async () => {
				const desk = await this.#desk.get();
				if (desk.spec.freeze === true && desk.spec.mode === "Normal") {
					// A freeze ends in Pause or above.
					await this.#desk.patch({ mode: "Pause" }, this.#people.raiser.client);
					return undefined;
				}
				const lowering = stepDown(desk, far);
				if (lowering === undefined) return { lowered: false };
				const reason = await this.#asked(desk, lowering);
				if (reason === undefined) return undefined;
				const { status, metadata } = await this.#desk.get();
				if (status?.clearance?.generation !== metadata.generation) {
					throw new Error(`not cleared at ${metadata.generation}: ${JSON.stringify(status?.holds)}`);
				}
				const request = desk.spec.reset?.approvals === undefined ? {} : { resetRequest: null };
				const patch = { ...lowered(lowering), reason, ...request };
				const { metadata: after } = await this.#desk.patch(patch, requester.client);
				this.#chronicle.note(`lowered (${reason}), generation ${after.generation}`);
				return { lowered: true };
			},
			{ timeoutMilliseconds: withinMilliseconds, intervalMilliseconds: 100 },
		).then((done) => done.lowered);
	}

	/** The reason to give; undefined while a request still waits for its approval. */
	async #asked({ spec }: TradingSafety, lowering: Lowering): Promise<string | undefined> {
		if (spec.reset?.approvals === undefined) return this.#reason(JSON.stringify(lowering));
		const { requester, approver } = this.#people;
		const { resetRequest: request } = spec;
		const fits =
			request !== undefined &&
			request.fromMode === spec.mode &&
			(request.tripId ?? "") === (spec.trip?.id ?? "") &&
			(request.reason ?? "").endsWith(JSON.stringify(lowering));
		if (!fits) {
			const asked = {
				fromMode: spec.mode,
				toMode: lowering.of === "Mode" ? lowering.to : spec.mode,
				tripId: spec.trip?.id ?? "",
				reason: this.#reason(JSON.stringify(lowering)),
				requestedBy: requester.name,
				unfreeze: lowering.of === "Freeze",
				targets: lowering.of === "Target" ? [lowering.name] : [],
				approvals: null,
			};
			await this.#desk.patch({ resetRequest: asked }, requester.client);
			return undefined;
		}
		if (request.approvals?.[approver.name] === undefined) {
			await this.#desk.patch({ resetRequest: { approvals: { [approver.name]: {} } } }, approver.client);
			return undefined;
		}
		return request.reason;
	}

	#reason(why: string): string {
		const reason = `${++this.#count}: ${why}`;
		this.lowerings.add(reason);
		return reason;
	}

	/** Tries until the API server has said yes or no. */
	async #persist(what: string, patch: () => Promise<TradingSafety>): Promise<TradingSafety | undefined> {
		try {
			const desk = await until(what, () => patch().then(undefined, rethrowUnlessDenied), {
				timeoutMilliseconds: patienceMilliseconds,
				intervalMilliseconds: 100,
			});
			if (desk instanceof KubeError) {
				this.#chronicle.note(`${what}: denied: ${desk.message.slice(0, 300)}`);
				return undefined;
			}
			const { generation, resourceVersion } = desk.metadata;
			this.#chronicle.note(`${what}: generation ${generation}, version ${resourceVersion}`);
			return desk;
		} catch (error) {
			this.#chronicle.note(`${what}: gave up: ${error instanceof Error ? error.cause : error}`);
			return undefined;
		}
	}
}

function rethrowUnlessDenied(error: unknown): KubeError {
	if (isKubeError(error, "FORBIDDEN", "INVALID")) return error;
	throw error;
}

function stepDown(desk: TradingSafety, far: boolean): Lowering | undefined {
	const lowering = nextLowering(desk);
	const near = !far && lowering?.of === "Mode" && desk.spec.mode === "Reduce";
	return near ? { of: "Mode", to: "Pause" } : lowering;
}

function lowered(lowering: Lowering): object {
	switch (lowering.of) {
		case "Mode":
			return { mode: lowering.to };
		case "Freeze":
			return { freeze: false };
		case "Target":
			return { targetModes: { [lowering.name]: lowering.to } };
	}
}

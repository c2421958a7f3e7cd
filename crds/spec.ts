import { Type } from "typebox";
import { estopDefaults, reduceDefaults, restoreDefaults } from "./defaults.ts";
import { listBy, loose, mapOf, modeField, text, type ValueOf } from "./schema.ts";
import { targetSchema } from "./target-spec.ts";
import { auditRequirements, enforcements, modes } from "./vocabulary.ts";

export {
	type PodSelector,
	selectorSchema,
	type TargetSpec,
	targetSchema,
} from "./target-spec.ts";

/** How many characters of a user name are kept. */
export const nameLength = 256;

const question = (what: string) =>
	Type.Object(
		{
			query: Type.String({
				minLength: 1,
				maxLength: 1024,
				description: `Selector of the series that say ${what}, e.g. risk_position{desk="a"}. An expression needs a recording rule: only a selector tells how old its samples are.`,
			}),
			expectSeries: Type.Integer({
				minimum: 1,
				maximum: 10_000,
				description: "How many series there must be at least: fewer prove nothing.",
			}),
			maxAgeSeconds: Type.Optional(
				Type.Integer({
					minimum: 1,
					maximum: 300,
					description: "How old the newest sample of a series may be. Default 15.",
				}),
			),
		},
		{ description: `What tells of ${what}: in Emergency each series must be seen at zero.` },
	);

const positive = (description: string) => Type.Optional(Type.Number({ exclusiveMinimum: 0, description }));

const trip = loose(
	{
		id: Type.Optional(text(128, "Identity of this press or rule; each writes a new one, even in a halt.")),
		source: Type.Optional(
			text(256, "Who or what tripped, e.g. the serial of a button or the name of a rule."),
		),
		at: Type.Optional(text(64, "When, by the clock of the one who raised (RFC 3339). Not trusted.")),
		type: Type.Optional(text(64, "Kind of trip, e.g. Manual, DailyLoss, Button.")),
		detail: Type.Optional(
			mapOf(text(256, "One value."), 8, "Up to 8 strings of detail, such as loss and limit."),
		),
	},
	"The event that raised. Nothing in it is required: nothing may stand in the way of a raise.",
);

const estopDevice = Type.Object(
	{
		serial: Type.String({ minLength: 1, maxLength: 128, description: "Its serial number, as it says it." }),
		product: Type.String({ minLength: 1, maxLength: 256, description: "Its product name, as it says it." }),
		descriptorHash: Type.String({
			pattern: "^[0-9a-f]{64}$",
			description: "SHA-256 of its HID report descriptor, in hex; the log of the sidecar says it.",
		}),
		testUntil: Type.Optional(
			Type.String({
				format: "date-time",
				maxLength: 64,
				description:
					"Until then, for at most 60 s, a press raises only the other desks that pin this device, such as one for drills: a proof test. It counts only while another device of this desk is armed.",
			}),
		),
	},
	{ description: "One e-stop device: another one in its place is tampering." },
);

const estop = loose(
	{
		devices: Type.Optional(listBy("serial", estopDevice, 8, "The devices that a press of raises this desk.")),
		minimumArmed: Type.Optional(
			Type.Integer({
				minimum: 0,
				maximum: 8,
				description: `How many of them must be armed; with fewer onLost is done. Default ${estopDefaults.minimumArmed}.`,
			}),
		),
		onPress: Type.Optional(
			Type.Enum(
				modes.filter((mode) => mode !== "Normal"),
				{
					description: `What a press raises to. Default ${estopDefaults.onPress}.`,
				},
			),
		),
		onTamper: Type.Optional(
			modeField(
				`What an open enclosure, contacts that contradict each other, or another device in its place raise to. Default ${estopDefaults.onTamper}.`,
			),
		),
		onLost: Type.Optional(
			modeField(`What fewer armed devices than minimumArmed raise to. Default ${estopDefaults.onLost}.`),
		),
		heartbeatTimeoutSeconds: Type.Optional(
			Type.Integer({
				minimum: 3,
				maximum: 300,
				description: `A device is lost when its sidecar has been silent for so long. Default ${estopDefaults.heartbeatTimeoutSeconds}.`,
			}),
		),
		proofTestDays: Type.Optional(
			Type.Integer({
				minimum: 1,
				maximum: 366,
				description:
					"A device whose last proof test is longer ago makes the condition ProofTested False. Default: never.",
			}),
		),
		directStopAfterSeconds: Type.Optional(
			Type.Integer({
				minimum: 0,
				maximum: 60,
				description: `After a press the sidecar itself deletes pods that nobody has told to stop by then. Default ${estopDefaults.directStopAfterSeconds}.`,
			}),
		),
	},
	"Buttons that raise this desk.",
);

const resetRequest = loose(
	{
		fromMode: Type.Optional(
			modeField("The mode it was asked against; a raise since then voids the request."),
		),
		tripId: Type.Optional(text(128, "spec.trip.id when it was asked; a trip since then voids the request.")),
		toMode: Type.Optional(modeField("The mode asked for. Absent: the mode stays.")),
		unfreeze: Type.Optional(Type.Boolean({ description: "Also asks to end the freeze." })),
		targets: Type.Optional(
			Type.Array(text(63, "Name of a target."), {
				maxItems: 32,
				description: "Targets whose own mode (targetModes) may be lowered.",
			}),
		),
		reason: Type.Optional(text(1024, "Why it is safe to lower; the lowering must carry the same reason.")),
		requestedBy: Type.Optional(text(nameLength, "Its author; must be the true user name.")),
		acknowledgedHolds: Type.Optional(
			Type.Array(text(256, "Name of a hold as in status.holds."), {
				maxItems: 50,
				description: "Holds that the author, and each approver with them, takes responsibility for.",
			}),
		),
		approvals: Type.Optional(
			mapOf(
				loose({ note: Type.Optional(text(256, "Remark of the approver.")) }, "One person's approval."),
				8,
				"By user name. Each person may add only their own, never to their own request.",
			),
		),
	},
	"Asks for a lowering. Any change to it but an added approval empties the approvals; any raise may remove it.",
);

/** Fields of spec that a person with no more than the right to patch may write: what raises, and a request. */
export const freeFields = [
	"mode",
	"reason",
	"setBy",
	"freeze",
	"trip",
	"targetModes",
	"resetRequest",
] as const;

/** `spec` of a TradingSafety. No rule and nothing required at this level: both would refuse raises. */
export const specSchema = loose(
	{
		mode: Type.Optional(
			modeField("The mode wanted. Raise it with one patch; lower it with authority, reason and clearance."),
		),
		reason: Type.Optional(text(1024, "Why the mode was set. Required fresh to lower, never to raise.")),
		setBy: Type.Optional(
			text(
				nameLength,
				"User name of whoever moved the mode or enforcement last: set by admission, or where no policy can, by the patch; a raise may leave it as it was.",
			),
		),
		freeze: Type.Optional(
			Type.Boolean({ description: "Beside the modes and above them: everything stops but risk monitoring." }),
		),
		trip: Type.Optional(trip),
		targetModes: Type.Optional(
			mapOf(
				modeField("Mode of this target alone."),
				32,
				"Raises single targets, by name; joined with mode by the more severe.",
			),
		),
		targets: Type.Optional(
			listBy(
				"name",
				targetSchema,
				32,
				"What this desk consists of. A restore takes Risk first, then Gateway, Bot, Strategy; within each it goes in this order.",
			),
		),
		enforcement: Type.Optional(
			Type.Enum([...enforcements], {
				description:
					"Observe: everything is planned into status and nothing is touched, stopped, denied or restored. Enforce otherwise.",
			}),
		),
		reduce: Type.Optional(
			loose(
				{
					overSeconds: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 86_400,
							description: `Seconds over which bots bring their positions to zero. Default ${reduceDefaults.overSeconds}.`,
						}),
					),
					stopTightenPercent: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 100,
							description: `By which share of their distance bots bring stops nearer. Default ${reduceDefaults.stopTightenPercent}.`,
						}),
					),
				},
				"What Reduce tells bots to do.",
			),
		),
		prometheus: Type.Optional(
			Type.Object(
				{
					url: Type.String({
						maxLength: 512,
						pattern: "^https?://[^/?#@\\s]+(/[^?#\\s]*)?$",
						description: "Base address of its HTTP API, e.g. http://prometheus.monitoring:9090.",
					}),
				},
				{ description: "The Prometheus that flat and ordersCancelled are asked of." },
			),
		),
		flat: Type.Optional(question("open positions")),
		ordersCancelled: Type.Optional(question("resting orders")),
		liquidation: Type.Optional(
			loose(
				{
					maxSlippageBps: positive("How much worse than the market an order may be, in basis points."),
					maxParticipation: positive(
						"Largest share of the quantity on the other side that an order may take, up to 1.",
					),
					quoteMaxAgeSeconds: positive("How old a quote may be that an order goes by."),
				},
				"Limits of a liquidation, carried in every permit.",
			),
		),
		restore: Type.Optional(
			loose(
				{
					stageSeconds: Type.Optional(
						Type.Integer({
							minimum: 5,
							maximum: 86_400,
							description: `How long a stage of a restore may take to get ready; then the desk is raised again. Default ${restoreDefaults.stageSeconds}.`,
						}),
					),
				},
				"How a restore goes.",
			),
		),
		reset: Type.Optional(
			loose(
				{
					approvals: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 8,
							description: "How many people besides the author must approve a lowering.",
						}),
					),
					cooldownSeconds: Type.Optional(
						Type.Integer({
							minimum: 0,
							maximum: 604_800,
							description: "Seconds after the last raise or trip before a lowering is cleared.",
						}),
					),
					requireAudit: Type.Optional(
						Type.Enum([...auditRequirements], {
							description:
								"Where a record is kept: what made the halt has to be in the Store before a lowering is cleared, or (Spool) on the operator's disk, with one more approval. Default Store.",
						}),
					),
				},
				"What a lowering needs besides authority, a fresh reason and clearance.",
			),
		),
		resetRequest: Type.Optional(resetRequest),
		estop: Type.Optional(estop),
	},
	"What is wanted.",
);

/** `spec` as read from the API server. */
export type TradingSafetySpec = ValueOf<typeof specSchema>;
/** `spec.flat` and `spec.ordersCancelled`. */
export type Question = ValueOf<ReturnType<typeof question>>;
/** `spec.resetRequest`. */
export type ResetRequest = ValueOf<typeof resetRequest>;

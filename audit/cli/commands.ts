const text = { type: "string" } as const;
const many = { type: "string", multiple: true } as const;

/** All options, for `parseArgs`. */
export const flags = {
	...{ trail: text, bucket: text, endpoint: text, region: text, origin: text },
	...{ "log-key": many, "entry-key": many, witness: many, checkpoint: many },
	...{ "require-witness": text, "as-of": text, retention: text, out: text },
	...{ from: text, to: text, format: text, level: text },
	...{ signer: text, "record-to": text, spool: text, justification: text },
	...{ "not-after": text, "from-index": text },
	deep: { type: "boolean" },
	output: { type: "string", short: "o" },
} as const;

/** The name of an option, without its dashes. */
export type Flag = keyof typeof flags;

const bucket = ["bucket", "endpoint", "region"] as const;
const trust = ["origin", "log-key", "entry-key", "witness", "require-witness"] as const;
const proven = ["trail", ...bucket, ...trust] as const;
const verified = [...proven, "checkpoint", "as-of", "deep", "retention"] as const;
const recorded = ["signer", "record-to", "spool"] as const;
const written = ["origin", ...recorded, "justification"] as const;

type Takes = { readonly operand: boolean; readonly options: readonly Flag[] };

/** What can be asked for, and what each command takes: anything else would be left aside without a word. */
export const commands = {
	verify: { operand: false, options: [...verified, ...recorded, "level", "output"] },
	show: { operand: true, options: [...verified, "output"] },
	timeline: { operand: false, options: [...verified, "output"] },
	who: { operand: true, options: [...verified, "output"] },
	gaps: { operand: false, options: [...verified, "output"] },
	at: { operand: true, options: [...verified, "output"] },
	prove: { operand: true, options: [...proven, "out"] },
	export: { operand: true, options: bucket },
	report: { operand: false, options: [...verified, "from", "to", "format"] },
	doctor: { operand: false, options: [...bucket, "output"] },
	keys: { operand: true, options: [] },
	public: { operand: true, options: [] },
	offer: { operand: true, options: ["origin", "not-after"] },
	"add-key": { operand: true, options: written },
	"revoke-key": { operand: true, options: [...written, "from-index"] },
} as const satisfies Readonly<Record<string, Takes>>;

/** One of {@link commands}. */
export type Command = keyof typeof commands;

/** What this command takes; undefined where there is none of this name. */
export function commandOf(
	name: string | undefined,
): { readonly command: Command; readonly takes: Takes } | undefined {
	if (name === undefined || !Object.hasOwn(commands, name)) return undefined;
	const command = name as Command;
	return { command, takes: commands[command] };
}

import { parseArgs } from "node:util";
import { DemoError } from "./errors.ts";

/** What a person asked for. */
export type Command =
	| { readonly kind: "Help" }
	/** On a cluster of its own. */
	| { readonly kind: "Embedded"; readonly once: boolean }
	/** On the cluster of a kubeconfig. */
	| ({ readonly kind: "Guest"; readonly once: boolean; readonly image: string } & Guest)
	/** Removes what demos left on the cluster of a kubeconfig. */
	| ({ readonly kind: "Remove" } & Guest);

type Guest = {
	readonly file: string | undefined;
	readonly context: string | undefined;
	/** The person need not be asked. */
	readonly agreed: boolean;
};

const IMAGE = "busybox:1.37";

export const usage = `Usage: npm start [-- OPTIONS]

Starts a Kubernetes control plane on this machine, a desk of simulated workloads and two replicas of the
operator, and shows them live until Ctrl-C, which leaves nothing behind.

  --once                    walk through all modes without a person, check each step, and end
  --help                    show this

On your own cluster (Kubernetes 1.36 or newer) instead, in namespaces of its own; it says what it will make,
asks, and removes all of it at the end:

  --use-kubeconfig [FILE]   default: KUBECONFIG, then ~/.kube/config
  --context NAME            default: the current context
  --image IMAGE             what the workloads run; the cluster must be able to pull it, and it needs sh and
                            sleep (${IMAGE})
  --yes                     do not ask
  --remove                  only remove what a demo left that could not end by itself`;

const flags = {
	once: { type: "boolean" },
	help: { type: "boolean", short: "h" },
	"use-kubeconfig": { type: "boolean" },
	context: { type: "string" },
	image: { type: "string" },
	yes: { type: "boolean" },
	remove: { type: "boolean" },
} as const;
/** Options that go with no other than `--use-kubeconfig`. */
const ofGuest = ["context", "image", "yes", "remove"] as const;

/**
 * Reads the command line (without node and script). `env` tells what npm took for itself.
 * @throws DemoError `Usage`, naming what is wrong
 */
export function parseCommand(args: readonly string[], env: NodeJS.ProcessEnv): Command {
	const { values, positionals } = parse(args);
	if (values.help === true) return { kind: "Help" };
	const once = values.once === true;
	const swallowed = ["once", "use-kubeconfig"].find(
		(name) => env[`npm_config_${name.replace("-", "_")}`] !== undefined,
	);
	if (swallowed !== undefined) {
		throw wrong(
			`npm took --${swallowed} for itself: write it behind a --, as in npm start -- --${swallowed}`,
		);
	}
	const [file, ...surplus] = positionals;
	if (values["use-kubeconfig"] !== true) {
		if (file !== undefined) throw wrong(`unexpected: ${file}`);
		const lonely = ofGuest.find((name) => values[name] !== undefined);
		if (lonely !== undefined) throw wrong(`--${lonely} goes with --use-kubeconfig`);
		return { kind: "Embedded", once };
	}
	if (surplus.length > 0) throw wrong(`unexpected: ${surplus.join(" ")}`);
	const guest = { file, context: values.context, agreed: values.yes === true };
	if (values.remove !== true) return { kind: "Guest", once, image: values.image ?? IMAGE, ...guest };
	if (once || values.image !== undefined)
		throw wrong("--remove starts nothing: leave --once and --image out");
	return { kind: "Remove", ...guest };
}

/** The value of `--use-kubeconfig` is optional, which parseArgs does not know: it is taken as a word of its own. */
function parse(args: readonly string[]) {
	const words = args.flatMap((arg) => {
		const file = /^--use-kubeconfig=(.+)$/.exec(arg)?.[1];
		return file === undefined ? [arg] : ["--use-kubeconfig", file];
	});
	try {
		return parseArgs({ args: words, options: flags, allowPositionals: true });
	} catch (cause) {
		if (!(cause instanceof TypeError)) throw cause;
		// What follows is about words that begin with a dash.
		throw wrong(cause.message.split(". ")[0] ?? cause.message, cause);
	}
}

function wrong(message: string, cause?: unknown): DemoError {
	const help = "Usage: npm start [-- OPTIONS]; npm start -- --help lists them";
	return new DemoError("Usage", `${message}\n${help}`, { cause });
}

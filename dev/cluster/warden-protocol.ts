import type { ServerName } from "./files.ts";
import type { ServerCommand } from "./servers.ts";

/** What the parent asks of the warden. Each order has a number, which its answer repeats. */
export type WardenOrder =
	| ({ readonly kind: "Start"; readonly number: number; readonly server: ServerName } & ServerCommand)
	| {
			readonly kind: "Stop";
			readonly number: number;
			readonly server: ServerName;
			readonly signal: "SIGTERM" | "SIGKILL";
	  }
	/** From now on the cluster outlives its parent. */
	| { readonly kind: "Detach"; readonly number: number };

/** What the warden says. */
export type WardenReport =
	| { readonly kind: "Done"; readonly number: number }
	| { readonly kind: "Failed"; readonly number: number; readonly message: string }
	/** A server ended that nobody had told to stop. */
	| { readonly kind: "Ended"; readonly server: ServerName; readonly how: string };

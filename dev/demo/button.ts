import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { estopNodeEnv, estopNodeFlags } from "../../crds/estop-daemonset.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { Indication } from "../../sidecar/devices/profile.ts";
import { boxInfo } from "../../sidecar/testing/virtual-box.ts";

const MAIN = fileURLToPath(new URL("../sidecar.ts", import.meta.url));
const LEASH = new URL("leash.ts", import.meta.url).href;
const STOP_MILLISECONDS = 5_000;

/** The serial number of the box of the demo. */
export const boxSerial = "DEMO-BOX";

/** How a desk pins the box of the demo. */
export function pinnedBox(): NonNullable<TradingSafetySpec["estop"]> {
	const { serial, product, descriptorHash } = boxInfo(boxSerial);
	return { devices: [{ serial, product, descriptorHash }] };
}

/** What a person sees at the box. */
export type BoxSight = Indication & { readonly pressed: boolean };

/** A button that exists in the memory of a sidecar only. */
export type DemoButton = {
	readonly press: () => void;
	/** Turns it free again. */
	readonly release: () => void;
	/** Undefined before it was told of, and when its sidecar has ended. */
	readonly sight: () => BoxSight | undefined;
	readonly log: string;
	readonly stop: () => Promise<void>;
};

/** Settings of {@link startButton}. */
export type ButtonOptions = {
	/** Of the account of sidecars. */
	readonly kubeconfig: string;
	/** The folder where its sidecar writes its log; appended to. */
	readonly logs: string;
	/** Where the processes behind played pods take permits. */
	readonly addressBook: string;
	/** More of its command line. */
	readonly args: readonly string[];
	/** Told when its sidecar ended by itself. */
	readonly onDied: (how: string) => void;
};

/** Starts the real sidecar with a box in memory, in a session of its own, so that Ctrl-C does not reach it first. */
export function startButton({
	kubeconfig,
	logs,
	addressBook,
	args: more,
	onDied,
}: ButtonOptions): DemoButton {
	const log = join(logs, "estop.log");
	const out = openSync(log, "a", 0o600);
	const args = [
		...["--box", boxSerial, "--gates", addressBook, "--kubeconfig", kubeconfig, "--http-port", "0"],
		...more,
	];
	const child = spawn(process.execPath, [...estopNodeFlags, "--import", LEASH, MAIN, ...args], {
		detached: true,
		stdio: ["ignore", out, out, "ipc"],
		env: { ...process.env, ...estopNodeEnv },
	});
	closeSync(out);
	let sight: BoxSight | undefined;
	let isStopping = false;
	child.on("message", (said: BoxSight | { readonly pressedAt: number }) => {
		if ("light" in said) sight = said;
	});
	const ended = new Promise<void>((resolve) => {
		const end = (how: string) => {
			sight = undefined;
			resolve();
			if (!isStopping) onDied(how);
		};
		child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
		child.once("error", (error) => end(error.message));
	});
	return {
		press: () => child.send("Press"),
		release: () => child.send("Release"),
		sight: () => sight,
		log,
		async stop() {
			isStopping = true;
			child.kill("SIGTERM");
			const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_MILLISECONDS);
			await ended;
			clearTimeout(impatience);
		},
	};
}

import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ClusterError } from "./errors.ts";
import { type ClusterFiles, logFile, type ServerName } from "./files.ts";
import type { ServerCommand } from "./servers.ts";
import { endCluster } from "./shutdown.ts";
import type { WardenOrder, WardenReport } from "./warden-protocol.ts";

/** The parent's end of the connection to the warden. */
export type Warden = {
	start(server: ServerName, command: ServerCommand): Promise<void>;
	/** Ends one server; resolves when its process is gone. */
	stop(server: ServerName, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
	/** Lets the cluster outlive this process. */
	detach(): Promise<void>;
	/** Ends all servers, removes the cluster's files and ends the warden. */
	end(): Promise<void>;
	/** How a server ended that nobody had told to, or undefined while it runs. */
	unexpectedEnd(server: ServerName): string | undefined;
};

type Unnumbered<T> = T extends { readonly number: number } ? Omit<T, "number"> : never;

/**
 * Starts the warden of a cluster. When it dies by another hand than ours, the servers it leaves behind are
 * ended and `onLost` gets an error that says so.
 */
export function startWarden(files: ClusterFiles, onLost: (error: ClusterError) => void): Warden {
	const log = openSync(logFile(files, "warden"), "a", 0o600);
	const child = fork(fileURLToPath(new URL("warden.ts", import.meta.url)), [files.dir], {
		detached: true,
		execArgv: [],
		stdio: ["ignore", log, log, "ipc"],
	});
	closeSync(log);
	// A cluster that nobody waits for must not keep its program from ending.
	child.unref();
	child.channel?.unref();
	const waiting = new Map<number, (report: WardenReport) => void>();
	const ended = new Map<ServerName, string>();
	let released = false;
	let lastNumber = 0;

	child.on("message", (message) => {
		const report = message as WardenReport;
		switch (report.kind) {
			case "Done":
			case "Failed":
				answer(report);
				break;
			case "Ended":
				ended.set(report.server, report.how);
				break;
		}
	});
	child.once("exit", (code, signal) => lose(signal ?? `exit code ${code}`));
	child.once("error", (error) => lose(error.message));

	function lose(how: string): void {
		if (released) return;
		released = true;
		for (const number of waiting.keys()) {
			answer({ kind: "Failed", number, message: `the warden of the cluster ended (${how})` });
		}
		endCluster(files).then(
			() =>
				onLost(
					new ClusterError(
						"NotRunning",
						`the warden of ${files.dir} ended (${how}), and the cluster with it`,
					),
				),
			(cause: unknown) => {
				const message = `the warden ended (${how}), and servers of ${files.dir} may be left`;
				onLost(new ClusterError("StopFailed", message, { cause }));
			},
		);
	}

	function answer(report: WardenReport & { readonly number: number }): void {
		const settle = waiting.get(report.number);
		waiting.delete(report.number);
		settle?.(report);
	}

	function ask(order: Unnumbered<WardenOrder>): Promise<void> {
		const number = ++lastNumber;
		child.channel?.ref();
		return new Promise((resolve, reject) => {
			waiting.set(number, (report) => {
				if (waiting.size === 0) child.channel?.unref();
				if (report.kind === "Failed") reject(new ClusterError("StartFailed", report.message));
				else resolve();
			});
			child.send({ ...order, number }, (error) => {
				if (error === null) return;
				waiting.delete(number);
				reject(
					new ClusterError("NotRunning", "the warden of the cluster cannot be reached", { cause: error }),
				);
			});
		});
	}

	return {
		start: (server, command) => {
			ended.delete(server);
			return ask({ kind: "Start", server, ...command });
		},
		stop: (server, signal) => ask({ kind: "Stop", server, signal }),
		async detach() {
			await ask({ kind: "Detach" });
			release();
		},
		async end() {
			child.ref();
			// A warden that was frozen must go on to end the servers.
			child.kill("SIGCONT");
			const exited = hasExited(child) ? undefined : new Promise((resolve) => child.once("exit", resolve));
			release();
			await exited;
			await endCluster(files);
		},
		unexpectedEnd: (server) => ended.get(server),
	};

	/** To the warden, losing the connection is the order to end everything, unless it was detached before. */
	function release(): void {
		released = true;
		if (child.connected) child.disconnect();
	}
}

function hasExited(child: ChildProcess): boolean {
	return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

import { spawn } from "node:child_process";
import type { ClusterAccess } from "./access.ts";
import { ClusterError } from "./errors.ts";
import { clusterFiles } from "./files.ts";

/** Settings of {@link kubectl}. */
export type KubectlOptions = {
	/** The path of the caller's kubeconfig; by default the administrator's. */
	readonly kubeconfig?: string;
	/** What kubectl reads from its standard input. */
	readonly input?: string;
	/** When to give up (30 s). */
	readonly deadlineMilliseconds?: number;
};

export type KubectlResult = { readonly stdout: string; readonly stderr: string; readonly code: number };

/**
 * Runs the cluster's kubectl as a user. A refusal is no error here but a `code` other than 0.
 * @throws ClusterError `DeadlineExceeded`
 */
export async function kubectl(
	cluster: Pick<ClusterAccess, "dir" | "kubectl" | "kubeconfig">,
	args: readonly string[],
	options: KubectlOptions = {},
): Promise<KubectlResult> {
	const deadline = options.deadlineMilliseconds ?? 30_000;
	const child = spawn(cluster.kubectl, args, {
		stdio: ["pipe", "pipe", "pipe"],
		timeout: deadline,
		killSignal: "SIGKILL",
		env: {
			...process.env,
			KUBECONFIG: options.kubeconfig ?? cluster.kubeconfig,
			// Nothing of the person's own settings, and nothing left in their home.
			KUBERC: "off",
			KUBECACHEDIR: clusterFiles(cluster.dir).kubectlCache,
		},
	});
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	// A kubectl that refuses its arguments closes its input before reading it; what it says is in stderr.
	child.stdin.on("error", (error) => {
		stderr += `(input not read: ${error.message})\n`;
	});
	child.stdin.end(options.input ?? "");
	const code = await new Promise<number | null>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", resolve);
	});
	if (code === null) {
		const what = `kubectl ${args.join(" ")}`;
		throw new ClusterError("DeadlineExceeded", `${what} did not end within ${deadline / 1000} s: ${stderr}`);
	}
	return { stdout, stderr, code };
}

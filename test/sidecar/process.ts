import { type ChildProcess, fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { estopLeaseName, estopAnnotations as names } from "../../crds/estop-lease.ts";
import { estopAccount, operatorNamespace } from "../../crds/roles.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { leasePath } from "../../sidecar/paths.ts";
import type { TestDesk } from "../operator/desk.ts";
import { temporaryFolder } from "../support/folder.ts";

/** The sidecar of the demo, whose button takes messages. */
export async function startProcess(
	t: ExecutionContext,
	desk: TestDesk,
	{ serial, args }: { readonly serial: string; readonly args: readonly string[] },
): Promise<ChildProcess> {
	const gates = join(temporaryFolder(t, "gates"), "gates.json");
	writeFileSync(gates, "{}");
	const { folder, env } = await desk.cluster.podAccess({ namespace: operatorNamespace, name: estopAccount });
	const child = fork(
		fileURLToPath(new URL("../../dev/sidecar.ts", import.meta.url)),
		[...["--box", serial, "--gates", gates, "--service-account", folder], ...["--http-port", "0", ...args]],
		{ env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit", "ipc"] },
	);
	t.teardown(() => child.kill("SIGKILL"));
	return child;
}

/** True once the Lease of this device says that it is armed. */
export const isArmed = (desk: TestDesk, serial: string) => async () => {
	const path = leasePath(operatorNamespace, estopLeaseName(serial));
	const { metadata } = await desk.admin.get<TradingSafety>(path);
	return (metadata as { annotations?: Record<string, string> }).annotations?.[names.notArmed] === "";
};

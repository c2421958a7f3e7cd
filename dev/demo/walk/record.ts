import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Entry } from "../../../audit/entry.ts";
import { waitFor } from "../../cluster/deadline.ts";
import { ClusterError } from "../../cluster/errors.ts";
import { boxSerial } from "../button.ts";
import { type DemoRecord, storeEnv, verifyArgs } from "../record.ts";
import { readDesk } from "./reads.ts";
import type { WalkContext } from "./walk.ts";

const cli = fileURLToPath(new URL("../../../audit/cli/main.ts", import.meta.url));
const run = promisify(execFile);
const mostBytes = 64 * 2 ** 20;

type Told = {
	readonly findings: readonly object[];
	readonly size: number;
	readonly entries: readonly Entry[];
};

/** What an auditor finds in the store: nothing wrong, each step of the walk, and each press. `steps`: the modes walked to. */
export async function checkRecord(
	context: WalkContext,
	record: DemoRecord,
	steps: readonly { readonly to: string; readonly by: string }[],
): Promise<void> {
	const { demo, checks, signal } = context;
	const isStored = async () => {
		const { status, metadata } = await readDesk(demo);
		const isCurrent = status?.conditions?.find(({ type }) => type === "AuditCurrent")?.status === "True";
		return isCurrent && status?.record?.generation === metadata.generation;
	};
	const what = "everything up to now is in the audit store";
	try {
		await waitFor(what, isStored, {
			timeoutMilliseconds: demo.patienceMilliseconds,
			assertPossible: () => signal.throwIfAborted(),
		});
		checks.note(what, { good: true });
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
		const seen = JSON.stringify((await readDesk(demo)).status?.conditions);
		checks.note(what, { good: false, expected: "AuditCurrent for this generation", seen });
	}
	const { findings, size, entries } = await audit(record);
	checks.same(
		`the record verifies, ${size} entries: every object, hash, signature, lock and counter`,
		findings,
		[],
	);
	const moves = entries.filter(({ kind }) => ["Intervention", "Override", "Trip"].includes(kind));
	const seen = new Set(
		moves.map(
			({ actor, before, after }) => `${before?.values?.mode}>${after?.values?.mode} by ${actor.name}`,
		),
	);
	const wanted = steps.slice(1).map(({ to, by }, index) => `${steps[index]?.to}>${to} by ${by}`);
	checks.same(
		"the record has each step of the walk, and who took it",
		wanted.filter((one) => !seen.has(one)),
		[],
	);
	const stages = ["Fenced", "Told", "Enforced", "Confirmed"];
	const confirmed = new Set(entries.map(({ action }) => action));
	checks.same(
		"the record has each stage of a halt",
		stages.filter((one) => !confirmed.has(one)),
		[],
	);
	if (demo.button === undefined) return;
	const pressed = entries.some(({ kind, entity }) => kind === "Trip" && entity.id === boxSerial);
	const raised = moves.some(({ kind, actor }) => kind === "Trip" && actor.via === boxSerial);
	checks.same(
		"the record has the press, told by its sidecar and by the operator",
		{ pressed, raised },
		{ pressed: true, raised: true },
	);
}

/** Asks the auditor's program, as a process of its own. It ends with another code where something is wrong. */
async function audit(record: DemoRecord): Promise<Told> {
	const args = [cli, "report", "--format", "ndjson", ...verifyArgs(record)];
	const env = { ...process.env, ...storeEnv(record) };
	const { stdout } = await run(process.execPath, args, { env, maxBuffer: mostBytes }).catch(
		(error: { readonly stdout?: string }) => {
			if (!error.stdout) throw error;
			return { stdout: error.stdout };
		},
	);
	const [first, ...rest] = stdout
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as { readonly report?: Told; readonly entry?: Entry });
	const { findings = [{}], size = 0 } = first?.report ?? {};
	return { findings, size, entries: rest.flatMap(({ entry }) => entry ?? []) };
}

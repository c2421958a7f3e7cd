/**
 * `npm run soak [-- --seeds N | --seed S] [--minutes M] [--ci]`: stories of raises and restores with faults at random
 * moments, each from a seed that is printed, on a cluster of its own. Ends with the line `N passed, N failed`.
 */
import { fileURLToPath } from "node:url";
import { startCluster } from "../../dev/cluster/cluster.ts";
import { ClusterError, messageOf } from "../../dev/cluster/errors.ts";
import { displayProgress } from "../../dev/cluster/progress.ts";
import { installApi } from "../../dev/install.ts";
import { OwnScope } from "../support/scope.ts";
import { describeAudit, openStage } from "./audit/soak.ts";
import { readOptions, type SoakOptions, usage } from "./options.ts";
import { describeOutcome, keepFailure } from "./report.ts";
import { soak } from "./soak.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What became of the seeds. */
type Tally = { passed: number; readonly failed: number[] };

async function run(options: SoakOptions): Promise<number> {
	const end = performance.now() + options.minutes * 60_000;
	const tally: Tally = { passed: 0, failed: [] };
	if (options.auditSeeds.length > 0) await soakAudit(options.auditSeeds, end, tally);
	if (options.seeds.length > 0) await soakCluster(options, end, tally);
	const { passed, failed } = tally;
	if (failed.length > 0) console.log(`\nFailed: ${failed.join(", ")}`);
	console.log(`${passed} passed, ${failed.length} failed`);
	return failed.length === 0 && passed > 0 ? 0 : 1;
}

async function soakAudit(seeds: readonly number[], end: number, tally: Tally): Promise<void> {
	const scope = new OwnScope();
	const interrupted = () => void scope.close().finally(() => process.exit(1));
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupted);
	try {
		const play = await openStage(scope);
		for (const seed of seeds) {
			if (performance.now() > end) break;
			console.log(`audit seed ${seed} ...`);
			const outcome = await play(seed);
			if (outcome.breaches.length === 0) tally.passed += 1;
			else tally.failed.push(seed);
			console.log(describeAudit(outcome));
		}
	} finally {
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, interrupted);
		await scope.close();
	}
}

async function soakCluster({ seeds, out, verbose }: SoakOptions, end: number, tally: Tally): Promise<void> {
	const cluster = await startCluster({ progress: displayProgress(process.stderr) });
	let scope = new OwnScope();
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.once(signal, () => {
			void Promise.allSettled([scope.close(), cluster.stop()]).finally(() => process.exit(1));
		});
	}
	try {
		await installApi(cluster);
		for (const seed of seeds) {
			if (performance.now() > end) break;
			console.log(`seed ${seed} ...`);
			scope = new OwnScope();
			const outcome = await soak(cluster, scope, seed, verbose);
			const good = outcome.breaches.length === 0;
			if (good) tally.passed += 1;
			else tally.failed.push(seed);
			console.log(describeOutcome(outcome, good ? undefined : keepFailure(outcome, cluster.dir, out)));
		}
	} finally {
		await cluster.stop();
	}
}

const options = readOptions(process.argv.slice(2), root);
if (options === undefined) {
	console.error(usage);
	process.exitCode = 2;
} else {
	try {
		process.exitCode = await run(options);
	} catch (error) {
		if (!(error instanceof ClusterError)) throw error;
		console.error(messageOf(error));
		process.exitCode = 1;
	}
}

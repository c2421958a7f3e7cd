import { AuditError, isAuditError } from "../error.ts";
import { probe } from "../store/probe.ts";
import { inspect } from "../verify/deep.ts";
import { findingCodes } from "../verify/finding.ts";
import type { Report } from "../verify/report.ts";
import { verify } from "../verify/verify.ts";
import { fetchTrail } from "./export.ts";
import { findingText } from "./finding-text.ts";
import { bucketOf, readNamed, trailOf, trustOf } from "./inputs.ts";
import { addKey, makeKeys, offer, revokeKey, showPublic } from "./keys.ts";
import { type CliOptions, count, parseOptions } from "./options.ts";
import { plain } from "./plain.ts";
import { prove } from "./proof.ts";
import { assertRecordable, recordVerification } from "./record-verification.ts";
import { usage } from "./usage.ts";
import { type View, viewOf } from "./views.ts";

const progressMilliseconds = 1_000;
/** How long a round that is under way may take to end. */
const settleMilliseconds = 10_000;
/** Long enough to try, short enough to be rid of it soon. */
const probeSeconds = 60;

/** Does what was asked for; the result is the exit code. */
export async function run(
	args: readonly string[],
	say: (text: string) => void = console.log,
): Promise<number> {
	if (args.includes("--help") || args.length === 0) {
		say(usage);
		return args.length === 0 ? 2 : 0;
	}
	try {
		return await act(parseOptions(args), say);
	} catch (error) {
		if (!(error instanceof AuditError)) throw error;
		console.error(plain(`tradingsafety-audit: ${error.message}`));
		return isAuditError(error, "USAGE") ? 2 : 1;
	}
}

async function act(options: CliOptions, say: (text: string) => void): Promise<number> {
	const { command, operand = "", json } = options;
	switch (command) {
		case "keys":
			return makeKeys(operand, say);
		case "public":
			return showPublic(operand, say);
		case "offer":
			return offer(options, operand, say);
		case "add-key":
			return addKey(options, operand, say);
		case "revoke-key":
			return revokeKey(options, operand, say);
		case "doctor":
			return doctor(options, say);
		case "export":
			return fetchAll(options, operand, say);
		case "prove":
			return prove(options, count("the index", operand) ?? 0, say);
		case "verify": {
			if (options.recordTo !== undefined) assertRecordable(options);
			const startedAt = performance.now();
			const report = await verified(options, undefined);
			say(json ? JSON.stringify(asJson(report)) : summary(report));
			if (options.recordTo === undefined) return exitCode(report);
			const isRecorded = await recordVerification(options, report, performance.now() - startedAt);
			return exitCode(report) || (isRecorded ? 0 : 1);
		}
		default: {
			const view = viewOf(options, say);
			const report = await verified(options, view.see);
			// Whatever is shown comes out of what was verified; whether that is good is known when all of it is.
			if (report.findings.length > 0) console.error(summary(report));
			view.end(report);
			return exitCode(report);
		}
	}
}

async function verified(options: CliOptions, see: View["see"] | undefined): Promise<Report> {
	const tell = progress();
	const report = await verify(await trailOf(options), trustOf(options), {
		remembered: options.checkpoints.map(readNamed),
		...(options.asOf !== undefined && { at: options.asOf }),
		...(options.retentionSeconds !== undefined && { retentionSeconds: options.retentionSeconds }),
		level: options.level,
		// A bucket may be written to meanwhile; a folder is as it is.
		...(options.bucket !== undefined && { settleMilliseconds }),
		...(see && { onEntry: (entry, index) => see({ entry, index }) }),
		onProgress: (done, of) => tell(`${done} of ${of} entries`),
	});
	if (!options.deep) return notEmpty(report, options);
	const store = bucketOf(options, 0);
	const found = await inspect(store, trustOf(options), options.retentionSeconds ?? 0, (done) =>
		tell(`${done} objects looked at`),
	);
	return notEmpty({ ...report, findings: [...report.findings, ...found] }, options);
}

/** Nothing at all is no good trail: it is another bucket, or what was there is hidden. Throws `MISSING`. */
function notEmpty(report: Report, { bucket, trail, deep }: CliOptions): Report {
	if (report.size > 0 || report.findings.length > 0) return report;
	const where = bucket === undefined ? trail : `bucket ${bucket.name} at ${bucket.endpoint ?? "Amazon's"}`;
	const hidden = deep ? "" : ", or was it deleted? --deep tells";
	throw new AuditError("MISSING", `${where} holds no trail: is it the right one${hidden}`);
}

/** Says how far something is, at most once a second. */
function progress(): (text: string) => void {
	let toldAt = performance.now();
	return (text) => {
		if (performance.now() - toldAt < progressMilliseconds) return;
		toldAt = performance.now();
		console.error(`... ${text}`);
	};
}

function exitCode({ findings }: Report): number {
	const [first] = findings;
	return first === undefined ? 0 : findingCodes[first.code];
}

function asJson({ level, findings, size, root, checkpoints, witnesses }: Report) {
	return {
		good: findings.length === 0,
		level,
		size,
		root: root.toString("base64"),
		checkpoints,
		witnesses,
		findings,
	};
}

function summary({ level, findings, size, root, checkpoints, witnesses }: Report): string {
	const told = findings.map(findingText);
	const cosigned = witnesses.map(({ name, at }) => `${name} at ${new Date(at * 1_000).toISOString()}`);
	const good =
		level === "signatures"
			? "GOOD"
			: "HASHES ARE GOOD: nothing has changed since the log signed it. NOT verified: signatures, clocks, counters, what entries say (--level signatures)";
	return [
		findings.length === 0 ? good : `NOT GOOD: ${findings.length} findings`,
		...told.slice(0, 50),
		...(told.length > 50 ? [`... and ${told.length - 50} more (-o json has all)`] : []),
		`${size} entries under ${checkpoints} checkpoints, root ${root.toString("base64")}`,
		plain(`witnesses: ${cosigned.length === 0 ? "none" : cosigned.join(", ")}`),
	].join("\n");
}

async function fetchAll(options: CliOptions, folder: string, say: (text: string) => void): Promise<number> {
	const store = bucketOf(options, 0);
	try {
		const tell = (text: string) => console.error(text);
		const { objects, later, refused } = await fetchTrail(store, folder, { settleMilliseconds, tell });
		if (objects === 0 && later > 0) {
			throw new AuditError(
				"MISSING",
				`bucket ${options.bucket?.name}: the first round of its trail ended only now: call again`,
			);
		}
		if (objects === 0 && refused === 0) {
			throw new AuditError("MISSING", `bucket ${options.bucket?.name} holds no trail: is it the right one?`);
		}
		if (later > 0) console.error(`... ${later} objects of rounds that ended meanwhile are left out`);
		say(`${objects} objects are in ${folder}`);
		return refused === 0 ? 0 : 1;
	} finally {
		store.close();
	}
}

async function doctor(options: CliOptions, say: (text: string) => void): Promise<number> {
	const store = bucketOf(options, probeSeconds);
	try {
		const answers = await probe(store, options.bucket?.name ?? "");
		for (const one of answers) {
			const text = `${one.passed ? "ok    " : one.isRequired ? "FAILED" : "note  "}  ${one.what}${one.why === undefined ? "" : `: ${one.why}`}`;
			say(options.json ? JSON.stringify(one) : plain(text));
		}
		return answers.some(({ passed, isRequired }) => isRequired && !passed) ? 1 : 0;
	} finally {
		store.close();
	}
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2));

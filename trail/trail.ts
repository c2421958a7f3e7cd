import { join } from "node:path";
import { type Logger, pino } from "pino";
import { attempts } from "../audit/cli/attempts.ts";
import { isAuditError, messageOf } from "../audit/error.ts";
import { keyHint } from "../audit/format/keys.ts";
import { keyAdded } from "../audit/key-entries.ts";
import { initialKeys, type KeyRing } from "../audit/log/key-ring.ts";
import { witnessAt } from "../audit/witness.ts";
import { Writer } from "../audit/writer.ts";
import { knownKeys, openBucket, probeBucket } from "./bucket.ts";
import { TrailError } from "./error.ts";
import { entryKeyOf, formerKeyOf, identityOf, offerOf, signerOf, tokenOf } from "./keys.ts";
import { Ledger } from "./ledger.ts";
import { LogReader } from "./log-reader.ts";
import { createMetrics } from "./metrics.ts";
import type { TrailOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import { SelfVerifier } from "./self-verifier.ts";
import { serve } from "./server.ts";
import { StoreHealth } from "./store-health.ts";

/** One running trail. */
export type Trail = {
	readonly httpPort: number;
	/** Ends it on purpose, which the record says. What is not in the store then stays in its spool. */
	readonly stop: () => Promise<void>;
};

const retryMilliseconds = 5_000;
/** How often the end of the log is looked at, which also tells whether the store answers. */
const pulseMilliseconds = 10_000;
/** How long an end on purpose waits for a store that is slow. */
const endMilliseconds = 5_000;

/**
 * Starts one. A store that does not answer is waited for. Throws `USAGE`, and `BUCKET` where the store answers and is none that
 * a record may be kept in.
 */
export async function startTrail(
	options: TrailOptions,
	log: Logger = pino({ level: options.logLevel, base: { trail: options.identity } }, pino.destination(2)),
): Promise<Trail> {
	const metrics = createMetrics();
	const onFailed = (where: string, err: unknown) => {
		metrics.failures.inc({ where, code: codeOf(err) });
		log.error({ err }, `failed: ${where}`);
	};
	const signer = await signerOf("log-key", options.logKey);
	const otherSigners = await Promise.all(options.otherLogKeys.map((key) => signerOf("other-log-key", key)));
	const logKeys = [
		...[signer, ...otherSigners].map(({ publicKey }) => publicKey),
		...options.formerLogKeys.map(formerKeyOf),
	];
	const own = await signerOf("key", options.key);
	const entryKeys = options.entryKeys.map((path) => entryKeyOf(path));
	const offers = options.addedKeys.map((path) => offerOf(path, options.origin));
	const keys = initialKeys(entryKeys);
	if (!Object.hasOwn(keys, keyHint(own.publicKey))) {
		throw new TrailError(
			"USAGE",
			`the public half of --key ${options.key} is to be one of the --entry-key too`,
		);
	}
	const token = options.kubeAuditToken === undefined ? undefined : tokenOf(options.kubeAuditToken);
	const tls = identityOf(options.tls);
	const { origin, identity, witness } = options;
	const store = openBucket(options, options.retentionSeconds);
	const health = new StoreHealth();
	const reader = new LogReader(store);
	const sequencing = { store, origin, signer, otherSigners, keys };
	const ledger = new Ledger({
		...{ ...sequencing, reader, health, metrics, onFailed },
		...(witness !== undefined && { cosign: witnessOf(witness) }),
	});

	/** Throws `BUCKET` where it does not help to try again. */
	const tryStore = async (): Promise<KeyRing | undefined> => {
		try {
			await probeBucket(options);
			const ring = await knownKeys(store, sequencing);
			log.info({ bucket: options.bucket.name }, "the store keeps what is locked, and refuses second writes");
			ledger.open();
			return ring;
		} catch (error) {
			if (error instanceof TrailError && error.code === "BUCKET") throw error;
			if (!isAuditError(error, "STORE") && !(error instanceof TrailError)) throw error;
			health.failed(error);
			onFailed("Store", error);
			return undefined;
		}
	};
	let ring: KeyRing | undefined;
	try {
		ring = await tryStore();
	} catch (error) {
		store.close();
		throw error;
	}
	const writer = new Writer({
		...{ dir: join(options.spool, "entries"), log: origin, name: identity, signer: async () => own },
		handOver: (signed) => ledger.append(signed),
		about: {
			component: "trail",
			[attempts.name]: token === undefined ? attempts.notReceived : attempts.received,
		},
		onFailed: (where, error) => onFailed(where === "Spool" ? "OwnSpool" : "OwnHandOver", error),
	});
	writer.start();
	const receiver =
		token === undefined ? undefined : new Receiver({ token, identity, writer, metrics, onFailed });
	const verifier =
		options.verifyHours === 0
			? undefined
			: new SelfVerifier({
					...{ dir: join(options.spool, "verified"), identity, everySeconds: options.verifyHours * 3_600 },
					job: {
						...{ origin, witness, bucket: bucketJob(options) },
						logKeys: logKeys.map(pem),
						entryKeys: entryKeys.map(pem),
					},
					onDone: ({ findings, first, size }, seconds) => {
						metrics.verified.setToCurrentTime();
						metrics.findings.set(findings);
						const said = { findings, first, size, seconds };
						if (findings === 0) log.info(said, "the whole log was verified and is good");
						else log.error(said, "the whole log was verified and is NOT good");
					},
					onFailed: (error) => {
						metrics.findings.set(-1);
						onFailed("Verification", error);
					},
					record: (happening) => void writer.record(happening),
				});
	const problems = () => {
		const state = writer.state();
		metrics.ownBehind.set(state.kind === "Current" ? 0 : state.entries);
		return [
			...(ledger.isOpen ? [] : ["the store was not found good yet"]),
			...health.problems(ledger.waitingSince),
			...(state.kind === "Failing" ? [`its own spool: ${state.why}`] : []),
		];
	};
	const http = await serve({
		...{ address: options.httpAddress, port: options.httpPort, identity: tls },
		...{ ledger, reader, receiver },
		...{ problems, metrics, onFailed },
	});

	let timer: NodeJS.Timeout | undefined;
	let isStopped = false;
	const begin = (known: KeyRing) => {
		for (const offered of offers) {
			const added = keyAdded(offered, { actor: { name: identity }, justification: "given as --add-key" });
			if (!Object.hasOwn(known, added.entity.id)) writer.record(added);
		}
		verifier?.start();
		void pulse();
	};
	const pulse = async () => {
		try {
			await reader.look();
			health.answered();
			if (reader.size !== undefined) metrics.size.set(reader.size);
		} catch (error) {
			health.failed(error);
			onFailed("Look", error);
		}
		if (!isStopped) timer = setTimeout(() => void pulse(), pulseMilliseconds);
	};
	const retry = () => {
		timer = setTimeout(async () => {
			try {
				const found = await tryStore();
				if (isStopped) return;
				if (found === undefined) retry();
				else begin(found);
			} catch (error) {
				// It answers now, and is no store for a record: nothing is sequenced, and whoever asks is told.
				health.failed(error);
				onFailed("Store", error);
				if (!isStopped) retry();
			}
		}, retryMilliseconds);
	};
	if (ring === undefined) retry();
	else begin(ring);
	if (receiver !== undefined && tls === undefined) {
		log.warn(
			"API servers show their token over TLS alone: give --tls-cert and --tls-key, or put TLS before it",
		);
	}
	log.info({ port: http.port, kubeAudit: receiver !== undefined }, "keeping the record");
	return {
		httpPort: http.port,
		async stop() {
			isStopped = true;
			clearTimeout(timer);
			log.info("stopping");
			receiver?.stop();
			await verifier?.stop();
			// What is under way may end; a store that hangs is not waited for.
			const over = setTimeout(() => {
				store.close();
				void ledger.stop();
			}, endMilliseconds);
			await writer.stop();
			await http.close();
			await ledger.stop();
			clearTimeout(over);
			store.close();
			for (const one of [signer, ...otherSigners]) await one.close();
			log.info("stopped");
		},
	};
}

/** A witness that cannot be used is an option that is wrong. */
function witnessOf(witness: NonNullable<TrailOptions["witness"]>) {
	try {
		return witnessAt(witness);
	} catch (cause) {
		throw new TrailError("USAGE", `--witness-key: ${messageOf(cause)}`, { cause });
	}
}

function bucketJob({ bucket: { name, endpoint, region } }: TrailOptions) {
	return { name, region, ...(endpoint !== undefined && { endpoint }) };
}

function pem(key: ReturnType<typeof entryKeyOf>): string {
	return key.export({ type: "spki", format: "pem" }) as string;
}

function codeOf(error: unknown): string {
	return error instanceof TrailError || isAuditError(error) || (error instanceof Error && "code" in error)
		? String((error as { readonly code?: unknown }).code)
		: "Unexpected";
}

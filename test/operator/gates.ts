import { renameSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ExecutionContext } from "ava";
import { isPermitError } from "../../permits/error.ts";
import { Gate } from "../../permits/gate.ts";
import { readPublicKey } from "../../permits/keys.ts";
import type { Duties } from "../../permits/permit.ts";
import type { KnownKeys } from "../../permits/signature.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ensurePermitKeys } from "../support/permit-keys.ts";
import { until } from "../support/until.ts";
import type { Pod, TestDesk } from "./desk.ts";

/** On a busy machine a key that is new takes its time to everybody. */
const patience = { timeoutMilliseconds: 120_000 };

/**
 * What stands behind the pods of an app: a gate, one that takes messages and never answers, one that answers no JSON, one
 * that knows other keys, a port that nobody listens on, or no address at all.
 */
export type Manner = "Good" | "Deaf" | "Garbled" | "Stranger" | "Closed" | "Absent";

/** The gate behind one pod, in the process of the test. */
export type BotGate = {
	readonly pod: string;
	readonly uid: string;
	/** Its label `app`. */
	readonly app: string;
	readonly gate: Gate;
	/** What it told its bot to do, and when, by `performance.now()`. */
	readonly told: { readonly at: number; readonly duties: Duties }[];
};

/** Gates behind the pods of a desk, each on a port of this machine; `file` says which, for `dev/operator.ts`. */
export class Gates {
	readonly file: string;
	/** All that there ever were, also behind pods that are gone: a process may outlive its pod. */
	readonly ever: BotGate[] = [];
	readonly #desk: TestDesk;
	readonly #keys: () => KnownKeys;
	readonly #manners: Readonly<Record<string, Manner>>;
	readonly #gates = new Map<string, BotGate & { readonly server: Server; readonly port: number }>();
	readonly #silent = new Set<string>();
	#timer: NodeJS.Timeout | undefined;

	private constructor(
		file: string,
		desk: TestDesk,
		keys: () => KnownKeys,
		manners: Readonly<Record<string, Manner>>,
	) {
		this.file = file;
		this.#desk = desk;
		this.#keys = keys;
		this.#manners = manners;
	}

	/**
	 * Follows the pods of the desk until the test ends. `manners`: by the label `app`, Good where nothing is said. `keys`: asked
	 * for with each message; by default those of the cluster now.
	 */
	static async start(
		t: ExecutionContext,
		desk: TestDesk,
		options: { readonly manners?: Readonly<Record<string, Manner>>; readonly keys?: () => KnownKeys } = {},
	): Promise<Gates> {
		const file = join(temporaryFolder(t, "gates"), "gates.json");
		writeFileSync(file, "{}");
		const found = options.keys === undefined ? await knownKeys(desk) : undefined;
		const keys = options.keys ?? (() => found ?? { permit: [], raise: [] });
		const gates = new Gates(file, desk, keys, options.manners ?? {});
		let ended = false;
		let looking: Promise<void> = Promise.resolve();
		const look = () => {
			looking = gates
				.#look()
				// The test may have stopped the API server; whoever is missing then is missed by the test.
				.catch((error) => t.log(`gates: ${error}`))
				.finally(() => {
					if (!ended) gates.#timer = setTimeout(look, 30);
				});
		};
		look();
		t.teardown(async () => {
			ended = true;
			await looking;
			clearTimeout(gates.#timer);
			for (const { server } of gates.#gates.values()) close(server);
		});
		return gates;
	}

	/** The gates behind the pods there are now, of one app. */
	async of(app: string): Promise<readonly BotGate[]> {
		const uids = new Set((await this.#desk.pods(app)).map((pod) => pod.metadata.uid));
		return [...this.#gates.values()].filter(({ uid }) => uids.has(uid));
	}

	/** Waits until every gate of an app may open, or none may. */
	async open(app: string, count: number, mayOpen: boolean): Promise<readonly BotGate[]> {
		return until(
			`${count} gates of ${app} ${mayOpen ? "may" : "may not"} open`,
			async () => {
				const gates = await this.of(app);
				const areSo = gates.length === count && gates.every(({ gate }) => gate.mayOpen() === mayOpen);
				return areSo ? gates : undefined;
			},
			patience,
		);
	}

	/** From now on the pods of an app take messages and never answer. */
	silence(app: string): void {
		this.#silent.add(app);
	}

	/** They answer again. */
	hear(app: string): void {
		this.#silent.delete(app);
	}

	async #look(): Promise<void> {
		const pods = await this.#desk.pods();
		const uids = new Set(pods.map((pod) => pod.metadata.uid));
		for (const [uid, { server }] of this.#gates) {
			if (uids.has(uid)) continue;
			this.#gates.delete(uid);
			close(server);
		}
		for (const { metadata } of pods) {
			if (this.#gates.has(metadata.uid)) continue;
			const manner = this.#manners[metadata.labels?.app ?? ""] ?? "Good";
			if (manner === "Absent") continue;
			const made = await this.#serve(metadata, manner);
			this.#gates.set(metadata.uid, made);
			this.ever.push(made);
		}
		const ports = [...this.#gates.values()].map(({ pod, port }) => [pod, port]);
		writeFileSync(`${this.file}.new`, JSON.stringify(Object.fromEntries(ports)));
		renameSync(`${this.file}.new`, this.file);
	}

	async #serve({ name: pod, uid, labels }: Pod["metadata"], manner: Manner) {
		const app = labels?.app ?? "";
		const told: { readonly at: number; readonly duties: Duties }[] = [];
		const onDuties = (duties: Duties) => told.push({ at: performance.now(), duties });
		const keys = manner === "Stranger" ? () => ({ permit: [], raise: [] }) : this.#keys;
		const gate = new Gate({ keys, onDuties });
		const server = createServer(async (request, response) => {
			const body = await text(request);
			if (manner === "Garbled") {
				response.end("paused, trust me");
				return;
			}
			if (manner === "Deaf" || this.#silent.has(app)) return;
			try {
				response.end(JSON.stringify(gate.receive(body, request.headers)));
			} catch (error) {
				response.writeHead(isPermitError(error, "SIGNATURE") ? 401 : 400).end(String(error));
			}
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const { port } = server.address() as AddressInfo;
		if (manner === "Closed") close(server);
		return { pod, uid, app, gate, told, server, port };
	}
}

function close(server: Server): void {
	server.close();
	server.closeAllConnections();
}

async function knownKeys(desk: TestDesk): Promise<KnownKeys> {
	const { permit, raise } = await ensurePermitKeys(desk.admin);
	return { permit: permit.map(readPublicKey), raise: raise.map(readPublicKey) };
}

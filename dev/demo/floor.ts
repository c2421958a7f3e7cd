import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { operatorNamespace, permitKeySecret, raiseKeySecret } from "../../crds/roles.ts";
import { pathOf } from "../../kube/paths.ts";
import { generateKeys } from "../../permits/keys.ts";
import { writeAtomically } from "../cluster/files.ts";
import { freePorts, isListening } from "../cluster/ports.ts";
import { DemoError } from "./errors.ts";
import { type Kubelet, startKubelet } from "./kubelet.ts";
import type { Place } from "./place.ts";
import { startProgram } from "./program.ts";
import { programs } from "./trading-desk.ts";
import { type VenueClient, venueClient } from "./venue-client.ts";

/** What trades behind the pods of a desk: the venue, outside of the cluster, and a process behind each pod. */
export type Floor = {
	readonly venue: VenueClient;
	readonly processes: Kubelet["processes"];
	/** For `dev/operator.ts`: where the process behind each pod takes permits. */
	readonly addressBook: string;
	/** Ends all processes. */
	readonly stop: () => Promise<void>;
};

/** Settings of {@link openFloor}. */
export type FloorOptions = {
	readonly place: Pick<Place, "admin" | "namespace">;
	/** The folder for keys and addresses, made where it is missing. Each command line names it. */
	readonly dir: string;
	readonly logs: string;
	/** Told when a bot ended by itself, which is started again. */
	readonly onBotDied: (pod: string, how: string) => void;
	/** Told when the venue ended by itself. */
	readonly onLost: (error: Error) => void;
};

const GRACE_MILLISECONDS = 2_000;
const ORDERS_PER_SECOND = 8;
/** About four seconds after it began to trade. */
const HANG_AFTER_ORDERS = 30;
/** Until it is killed. */
const HANG_SECONDS = 3_600;
const PORTS_OF_A_BOT = 5;

/**
 * Makes the keys of permits and their Secrets, and starts the venue and whatever there are pods for.
 * @throws DemoError `SetupFailed`
 */
export async function openFloor({ place, dir, logs, onBotDied, onLost }: FloorOptions): Promise<Floor> {
	mkdirSync(dir, { recursive: true, mode: 0o700 });
	const keys = join(dir, "public-keys.json");
	writeAtomically(keys, JSON.stringify(await makeKeys(place)));
	const args = ["--port", "0", "--log", join(logs, "venue.jsonl")];
	const program = startProgram<{ readonly port: number }>({
		main: "venue/main.ts",
		args,
		log: join(logs, "venue.log"),
	});
	const ready = await program.ready;
	if (ready === undefined) throw new DemoError("SetupFailed", `the venue ended: ${await program.ended}`);
	let isStopping = false;
	program.ended.then((how) => {
		if (!isStopping) onLost(new DemoError("VenueEnded", `the venue ended (${how})`));
	});
	const origin = `http://127.0.0.1:${ready.port}`;
	const gatewayPorts = await freeBlock(PORTS_OF_A_BOT);
	const argsOf = (app: string): readonly string[] | undefined => {
		const known = programs[app];
		if (known === undefined) return undefined;
		const { kind, account, alsoAccounts = [] } = known;
		return [
			...["--kind", kind, "--venue", origin, "--account", account, "--keys", keys],
			...alsoAccounts.flatMap((other) => ["--also-account", other]),
			...["--seed", String(1 + Object.keys(programs).indexOf(app))],
			...["--orders-per-second", String(ORDERS_PER_SECOND)],
			// Its strategies know it by this address, as by that of a Service.
			...(kind === "gateway" ? ["--metrics-port-base", String(gatewayPorts)] : []),
			...(kind === "strategy" ? ["--gateway", `http://127.0.0.1:${gatewayPorts}`] : []),
			...(kind === "hanger"
				? ["--hang-after-orders", String(HANG_AFTER_ORDERS), "--hang-seconds", String(HANG_SECONDS)]
				: []),
		];
	};
	const addressBook = join(dir, "gates.json");
	const kubelet = startKubelet({
		...{ client: place.admin, namespace: place.namespace, argsOf, addressBook, logs },
		onDied: onBotDied,
		onError: (error) => onBotDied("the stand-in kubelet", String(error)),
	});
	const venue = venueClient(origin);
	return {
		venue,
		processes: kubelet.processes,
		addressBook,
		async stop() {
			isStopping = true;
			await kubelet.stop();
			await venue.close();
			await program.end(GRACE_MILLISECONDS);
		},
	};
}

/** New keys: the private halves go into the Secrets that the operator reads, the public ones are returned. */
async function makeKeys({ admin }: Pick<Place, "admin">) {
	const secrets = pathOf({ group: "", version: "v1", resource: "secrets", namespace: operatorNamespace });
	const make = async (name: string) => {
		const { privateKey, publicKey } = generateKeys();
		const stringData = { demo: privateKey };
		await admin.create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData });
		return [publicKey];
	};
	return { permit: await make(permitKeySecret), raise: await make(raiseKeySecret) };
}

/** The first of so many loopback ports in a row that nothing listens on now. */
async function freeBlock(count: number): Promise<number> {
	for (;;) {
		const [first = 0] = await freePorts(1);
		const rest = Array.from({ length: count - 1 }, (_, index) => isListening(first + index + 1));
		if (!(await Promise.all(rest)).includes(true)) return first;
	}
}

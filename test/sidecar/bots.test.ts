import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import type { Pod } from "../../core/observed.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { GateError } from "../../gates/error.ts";
import { Gate } from "../../permits/gate.ts";
import { permitFor } from "../../permits/issue.ts";
import { generateKeys, readPrivateKey, readPublicKey } from "../../permits/keys.ts";
import { type Duties, encodePermit } from "../../permits/permit.ts";
import { signBody } from "../../permits/signature.ts";
import { type BotOutcome, BotRaiser } from "../../sidecar/bots.ts";
import { deskOf, podOf, target } from "../core/desk.ts";
import { until } from "../support/until.ts";

const permitKey = generateKeys();
const raiseKey = generateKeys();
const signal = { http: { port: 1 }, ttlSeconds: 60, ackMilliseconds: 50 };

/** A desk in Normal whose bots may open, each with a gate behind it, and one that raises. */
async function startWorld(
	t: ExecutionContext,
	count: number,
	manner: "Good" | "DeafFirst" | "Deaf" = "Good",
) {
	const spec = target("bot", { preset: "Bot", signal });
	const desk = deskOf(
		{ mode: "Normal", targets: [spec] },
		{ targets: [{ name: "bot", signalled: "Admit" }] },
	);
	const ports = new Map<string, number>();
	const told: Duties[] = [];
	const bots = await Promise.all(
		Array.from({ length: count }, async (_, index) => {
			const pod: Pod = { ...podOf("bot", { node: "n" }), name: `bot-${index}`, uid: `uid-${index}` };
			const gate = new Gate({
				keys: () => ({
					permit: [readPublicKey(permitKey.publicKey)],
					raise: [readPublicKey(raiseKey.publicKey)],
				}),
				onDuties: (duties) => {
					if (Object.keys(duties).length > 0) told.push(duties);
				},
			});
			let calls = 0;
			const server = createServer(async (request, response) => {
				const body = await text(request);
				calls += 1;
				if (manner === "Deaf" || (manner === "DeafFirst" && calls === 1)) return;
				response.end(JSON.stringify(gate.receive(body, request.headers)));
			});
			await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
			t.teardown(() => {
				server.closeAllConnections();
				server.close();
			});
			ports.set(pod.name, (server.address() as AddressInfo).port);
			open(gate, desk, spec);
			return { pod, gate, calls: () => calls };
		}),
	);
	const acknowledged: string[] = [];
	const failures: unknown[] = [];
	const over: BotOutcome[] = [];
	const raiser = new BotRaiser({
		keys: () => [readPrivateKey(raiseKey.privateKey)],
		resolve: ({ name }) => `http://127.0.0.1:${ports.get(name)}`,
		now: Date.now,
		onAcknowledged: (_namespace, pod) => acknowledged.push(pod.name),
		onFailed: (_namespace, _pod, error) => failures.push(error),
		onOver: (_namespace, _mode, outcomes) => over.push(...outcomes),
	});
	t.teardown(() => raiser.stop());
	raiser.see(
		"desk",
		desk,
		bots.map(({ pod }) => pod),
	);
	told.length = 0;
	return { desk, spec, bots, raiser, acknowledged, failures, over, told };
}

/** What the operator would send in Normal. */
function open(gate: Gate, desk: TradingSafety, spec: ReturnType<typeof target>): void {
	const send = (challenge?: string) => {
		const body = encodePermit(permitFor(desk, spec, "Normal", challenge));
		const signed = signBody(body, { id: `msg_${Math.random()}`, sentAt: Date.now() }, [
			readPrivateKey(permitKey.privateKey),
		]);
		return gate.receive(body, signed);
	};
	send(send().challenge);
}

test("a press reaches every bot without any API server, and is not lifted by a renewal", async (t) => {
	// Given bots that may open
	const { bots, raiser, desk, spec, acknowledged, over, told } = await startWorld(t, 3);
	t.true(bots.every(({ gate }) => gate.mayOpen()));
	// When they are told of a press
	t.is(raiser.raise("desk", "Emergency"), 3);
	await until("all acknowledged", () => acknowledged.length === 3);
	await until("that is told of as a whole", () => over.length > 0);
	t.deepEqual(
		over.map(({ kind, pod }) => `${kind} ${pod.name}`),
		bots.map(({ pod }) => `Acknowledged ${pod.name}`),
	);
	// Then none may open, each cancels and flattens once, and a permit of the same generation changes nothing
	t.true(bots.every(({ gate }) => !gate.mayOpen()));
	t.deepEqual(told, Array(3).fill({ cancelAll: true, flatten: { overSeconds: 0 } }));
	for (const { gate } of bots) open(gate, desk, spec);
	t.true(bots.every(({ gate }) => !gate.mayOpen()));
	// And one of a later generation does
	const later = { ...desk, metadata: { ...desk.metadata, generation: (desk.metadata.generation ?? 0) + 1 } };
	for (const { gate } of bots) open(gate, later, spec);
	t.true(bots.every(({ gate }) => gate.mayOpen()));
});

test("one that misses the first message gets it again, and does its duties once", async (t) => {
	const { raiser, acknowledged, failures, told } = await startWorld(t, 2, "DeafFirst");
	raiser.raise("desk", "Emergency");
	await until("both acknowledged", () => acknowledged.length === 2);
	t.true(failures.every((error) => error instanceof GateError && error.code === "NoAnswer"));
	t.is(told.length, 2);
});

test("a bot that is gone is left alone, and one that is deaf keeps nobody waiting", async (t) => {
	// Given a deaf bot that is told
	const { raiser, bots, desk, failures, over } = await startWorld(t, 1, "Deaf");
	raiser.raise("desk", "Pause");
	await until("it was tried three times", () => failures.length >= 3);
	// When its pod is gone, then nothing more is sent
	raiser.see("desk", desk, []);
	const calls = bots[0]?.calls();
	t.is(raiser.raise("desk", "Pause"), 0);
	t.is(bots[0]?.calls(), calls);
	// And nobody says that it was silent: it had no more time
	await until("it is over", () => over.length > 0);
	t.deepEqual(
		over.map(({ kind }) => kind),
		["Ended"],
	);
});

test("nothing is said to a desk that only observes, or without a key, or that nobody has seen", async (t) => {
	const { raiser, desk, bots } = await startWorld(t, 1);
	const pods = bots.map(({ pod }) => pod);
	t.is(raiser.raise("another", "Emergency"), 0);
	raiser.see("desk", { ...desk, spec: { ...desk.spec, enforcement: "Observe" } }, pods);
	t.is(raiser.raise("desk", "Emergency"), 0);
	t.true(bots.every(({ gate }) => gate.mayOpen()));
});

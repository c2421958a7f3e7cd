import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createPort } from "node:net";
import test, { type ExecutionContext } from "ava";
import { GateError } from "../../gates/error.ts";
import { GateCall } from "../../gates/gate-call.ts";
import { decodePermit } from "../../permits/decode.ts";
import { permitOf, TestGate } from "../permits/desk.ts";

/** A server on loopback that ends with the test, and what it was asked for. */
async function serve(t: ExecutionContext, listener: RequestListener) {
	const asked: string[] = [];
	const server = createServer((request, response) => {
		asked.push(`${request.method} ${request.url}`);
		listener(request, response);
	});
	server.on("connect", (request) => {
		asked.push(`CONNECT ${request.url}`);
		request.socket.destroy();
	});
	t.teardown(() => {
		server.close();
		server.closeAllConnections();
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return { asked, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const good =
	(bot: TestGate): RequestListener =>
	(request, response) => {
		let body = "";
		request.setEncoding("utf8").on("data", (text) => {
			body += text;
		});
		request.on("end", () => response.end(JSON.stringify(bot.gate.receive(body, request.headers))));
	};

async function closedPort(): Promise<number> {
	const server = createPort().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	await new Promise((resolve) => server.close(resolve));
	return port;
}

async function send(t: ExecutionContext, origin: string, milliseconds = 5_000): Promise<GateError> {
	const call = new GateCall(origin, "/permit");
	t.teardown(() => call.close());
	const error = await t.throwsAsync(call.send(new TestGate().message(permitOf()), milliseconds));
	if (error instanceof GateError) return error;
	throw error;
}

test("what comes instead of an acknowledgement is told apart", async (t) => {
	// Given what may stand where a gate should; when a message is sent there, then the error says what came
	const status = (code: number, text: string) =>
		serve(t, (_, response) => response.writeHead(code).end(text));
	const answers: readonly (readonly [string, () => Promise<{ readonly origin: string }>, string, RegExp])[] =
		[
			[
				"a closed port",
				async () => ({ origin: `http://127.0.0.1:${await closedPort()}` }),
				"NobodyListens",
				/ECONNREFUSED/,
			],
			["no JSON", () => status(200, "paused, trust me"), "NoAcknowledgement", /not JSON/],
			["other JSON", () => status(200, "{}"), "NoAcknowledgement", /\/epoch/],
			["nothing", () => status(200, ""), "NoAcknowledgement", /not JSON/],
			["an unknown key", () => status(401, "who are you"), "KeyUnknown", /401: who are you/],
			["another path", () => status(404, "no such thing"), "Refused", /404/],
			["more than anybody reads", () => status(200, "x".repeat(100_000)), "NoAnswer", /./],
			["a broken connection", () => serve(t, (request) => request.socket.destroy()), "NoAnswer", /./],
		];
	for (const [what, start, code, message] of answers) {
		const error = await send(t, (await start()).origin);
		t.is(error.code, code as GateError["code"], what);
		t.regex(error.message, message, what);
	}
	const silent = await serve(t, () => undefined);
	t.like(await send(t, silent.origin, 50), { code: "NoAnswer", message: "no answer within 50 ms" });
});

test("nobody sends a message elsewhere: neither the answer of a pod nor the environment of the operator", async (t) => {
	// Given a bot, and somebody who would like to have its permits
	const bot = new TestGate();
	const gate = await serve(t, good(bot));
	const thief = await serve(t, good(new TestGate()));
	for (const code of [301, 302, 303, 307, 308]) {
		// When a pod sends to somebody else
		const pod = await serve(t, (_, response) =>
			response.writeHead(code, { location: `${thief.origin}/permit` }).end(),
		);
		t.is((await send(t, pod.origin)).code, "Refused");
	}
	// And when the environment of a process names proxies in every known way
	const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
	const { body, headers } = bot.message(permitOf());
	t.truthy(decodePermit(body));
	const source = `
		import { GateCall } from ${JSON.stringify(new URL("../../gates/gate-call.ts", import.meta.url).href)};
		const call = new GateCall(${JSON.stringify(gate.origin)}, "/permit");
		console.log((await call.send(${JSON.stringify({ body, headers })}, 5000)).applied);
		await call.close();`;
	const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
		env: {
			...process.env,
			...Object.fromEntries(proxies.map((name) => [name, thief.origin])),
			...{ NODE_USE_ENV_PROXY: "1", NO_PROXY: "", no_proxy: "" },
		},
		stdio: ["ignore", "pipe", "inherit"],
	});
	let said = "";
	child.stdout.setEncoding("utf8").on("data", (text) => {
		said += text;
	});
	await once(child, "close");
	// Then the message went to the bot, and nobody else was asked for anything
	t.is(said.trim(), "Tightened");
	t.deepEqual(gate.asked, ["POST /permit"]);
	t.deepEqual(thief.asked, []);
});

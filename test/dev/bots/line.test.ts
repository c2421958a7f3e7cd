import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import test, { type ExecutionContext } from "ava";
import { createLine } from "../../../dev/bots/line.ts";
import { until } from "../../support/until.ts";

/** A server that answers each request with its path, until it is told not to. */
async function startEcho(t: ExecutionContext) {
	const seen: string[] = [];
	const sockets = new Set<import("node:net").Socket>();
	let isMute = false;
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => undefined);
		socket.on("close", () => sockets.delete(socket));
		socket.on("data", (chunk) => {
			for (const [, path] of chunk.toString().matchAll(/POST (\S+) HTTP/g)) {
				seen.push(path ?? "");
				const body = JSON.stringify({ path });
				const status = path === "/wrong" ? "400 Bad Request" : "200 OK";
				if (!isMute) socket.write(`HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
			}
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const line = createLine(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
	t.teardown(() => {
		line.close();
		server.close();
	});
	return {
		line,
		seen,
		mute: () => {
			isMute = true;
		},
		drop: () => {
			for (const socket of sockets) socket.destroy();
		},
	};
}

test("what is not allowed is not sent, and it is asked when all else is ready", async (t) => {
	const { line, seen } = await startEcho(t);
	// Given a line that is not even connected
	let asked = 0;
	const ask = (answer: boolean) => () => {
		asked += 1;
		return answer;
	};
	// When the answer is no, then nothing goes out
	await t.throwsAsync(line.post("/a", {}, ask(false)), { code: "REFUSED" });
	t.deepEqual([asked, seen.length], [1, 0]);
	// When it is yes, then the request goes out
	t.deepEqual(await line.post("/b", {}, ask(true)), { path: "/b" });
	t.deepEqual(seen, ["/b"]);
});

test("requests go out in the order in which they are made, and each gets its answer", async (t) => {
	const { line, seen } = await startEcho(t);
	const paths = Array.from({ length: 50 }, (_, index) => `/${index}`);
	t.deepEqual(
		await Promise.all(paths.map((path) => line.post(path, {}))),
		paths.map((path) => ({ path })),
	);
	t.deepEqual(seen, paths);
	await t.throwsAsync(line.post("/wrong", {}), { code: "ANSWER" });
});

test("what was under way when a line is lost fails, and the next request connects again", async (t) => {
	const { line, seen, mute, drop } = await startEcho(t);
	await line.post("/a", {});
	mute();
	const lost = line.post("/b", {});
	await until("it is under way", () => seen.includes("/b"));
	drop();
	await t.throwsAsync(lost, { code: "LINE" });
	const next = line.post("/c", {});
	await until("it came", () => seen.includes("/c"));
	line.close();
	await t.throwsAsync(next, { code: "LINE" });
	await t.throwsAsync(line.post("/d", {}), { code: "LINE" });
});

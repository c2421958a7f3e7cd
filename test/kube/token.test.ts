import test from "ava";
import type { Exchange } from "../../kube/testing/fault-server.ts";
import { ServiceAccountToken } from "../../kube/token.ts";
import { failureOf, startWorld } from "./support.ts";

test("a token is asked for once and again shortly before it ends", async (t) => {
	// Given a server that grants tokens of 1,000 s, though fewer were asked for, and a clock of ours.
	const { server, client } = await startWorld(t);
	let now = 0;
	let number = 0;
	server.always("create", (exchange: Exchange) => {
		number += 1;
		exchange.answer({
			status: 201,
			body: { spec: { expirationSeconds: 1000 }, status: { token: `t-${number}` } },
		});
	});
	const token = new ServiceAccountToken({ client, namespace: "desk", name: "lowering", now: () => now });
	// When it is asked for by two at once, later, near its end, and after it was forgotten.
	const first = await Promise.all([token.get(), token.get()]);
	now = 799_000;
	const second = await token.get();
	now = 801_000;
	const third = await token.get();
	token.forget();
	const fourth = await token.get();
	// Then there was one request for each life.
	t.deepEqual([...first, second, third, fourth], ["t-1", "t-1", "t-1", "t-2", "t-3"]);
	const request = server.seen("create")[0];
	t.is(request?.path, "/api/v1/namespaces/desk/serviceaccounts/lowering/token");
	t.is(JSON.parse(request?.body ?? "{}").spec.expirationSeconds, 600);
});

test("a refusal reaches the caller and is not remembered", async (t) => {
	// Given a server that refuses once, and once answers without token.
	const { server, client } = await startWorld(t);
	const token = new ServiceAccountToken({ client, namespace: "desk", name: "lowering" });
	server.next(
		"create",
		(exchange) => exchange.fail(403, "Forbidden", "no"),
		(exchange) => exchange.answer({ status: 201, body: {} }),
		(exchange) => exchange.answer({ status: 201, body: { status: { token: "yes" } } }),
	);
	// When it is asked three times, then the third has it.
	t.like(await failureOf(token.get()), { code: "FORBIDDEN" });
	t.like(await failureOf(token.get()), { code: "MALFORMED" });
	t.is(await token.get(), "yes");
});

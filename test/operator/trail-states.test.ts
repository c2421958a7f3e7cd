import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { askTrail } from "../../operator/trail-states.ts";

const state = {
	entity: { type: "TradingSafety", id: "eu/desk", uid: "u" },
	time: "2026-01-01T00:00:00.000000Z",
	after: { generation: 7, resourceVersion: "100", values: { mode: "Emergency", freeze: "false" } },
};

/** A trail that answers this. */
async function answering(t: ExecutionContext, answer: object): Promise<string> {
	const server = createServer((_request, response) => response.end(JSON.stringify(answer)));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => server.close());
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a trail tells how a desk stood last, also where it has not read the whole log", async (t) => {
	for (const isComplete of [true, false]) {
		const url = await answering(t, { states: [state], isComplete, isCurrent: true });
		t.like((await askTrail(url)).get("eu"), { uid: "u", generation: 7, mode: "Emergency", enforces: true });
	}
});

test("what a trail says while its store does not answer is not believed: a lowering may be in there", async (t) => {
	const url = await answering(t, { states: [state], isComplete: true, isCurrent: false });
	await t.throwsAsync(askTrail(url), { code: "TRAIL", message: /its store does not answer/ });
});

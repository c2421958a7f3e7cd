import test from "ava";
import { KubeError } from "../../kube/error.ts";
import { generateKeys } from "../../permits/keys.ts";
import { RaiseKeys } from "../../sidecar/raise-keys.ts";
import { until } from "../support/until.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("a key that is missing or malformed is named; one that was read stays when it cannot be read", async (t) => {
	t.timeout(60_000);
	// Given an API server that answers so, one time after the other
	let answer: () => unknown = () => {
		throw new KubeError("NOT_FOUND", "there is no such Secret");
	};
	const errors: unknown[] = [];
	const client = { get: async <T>() => answer() as T };
	const keys = new RaiseKeys(client, "system", (error) => errors.push(error));
	t.teardown(() => keys.stop());
	t.truthy(keys.problem());
	keys.start();
	const patience = { timeoutMilliseconds: 30_000 };
	const first = keys.problem();
	await until("it is told of", () => keys.problem() !== first, patience);
	t.regex(keys.problem() ?? "", /tradingsafety-raise-key|Secret/);
	t.deepEqual(keys.signing(), []);
	// When it is malformed
	answer = () => ({ data: { key: base64("whsk_nonsense") } });
	await until("it is told of", () => errors.length > 0 && keys.signing().length === 0, patience);
	t.truthy(keys.problem());
	// When it is there
	answer = () => ({ data: { key: base64(generateKeys().privateKey) } });
	await until("it is read", () => keys.signing().length === 1, patience);
	t.is(keys.problem(), undefined);
	// When it cannot be read any more, then what was read stays
	answer = () => {
		throw new KubeError("CONNECTION", "no answer");
	};
	const before = errors.length;
	await until("it was tried", () => errors.length > before, patience);
	t.is(keys.signing().length, 1);
});

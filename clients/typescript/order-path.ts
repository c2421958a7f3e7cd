/** `node clients/typescript/order-path.ts`: what the gate costs on the order path, beside an atomic load. */
import { Gate } from "../../permits/gate.ts";
import { generateKeys, readPrivateKey, readPublicKey } from "../../permits/keys.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import { encodePermit } from "../../permits/permit.ts";
import { signBody } from "../../permits/signature.ts";

const checks = 20_000_000;

function nanoseconds(check: () => boolean): string {
	let opened = 0;
	const startedAt = process.hrtime.bigint();
	for (let index = 0; index < checks; index++) if (check()) opened += 1;
	const each = Number(process.hrtime.bigint() - startedAt) / checks;
	return `${each.toFixed(1)} ns (${opened === checks ? "always" : opened} true)`;
}

const { privateKey, publicKey } = generateKeys();
const keys = { permit: [readPublicKey(publicKey)], raise: [] };
const gate = new Gate({ keys: () => keys, onDuties: () => {} });

function send(challenge: string) {
	const body = encodePermit({
		version: 1,
		kind: "Permit",
		desk: { namespace: "desk", uid: "uid", generation: 1 },
		target: "bots",
		mode: "Normal",
		permissions: permissionsOf("Normal"),
		duties: {},
		reason: "",
		ttlMilliseconds: 60_000,
		challenge,
	});
	const headers = signBody(body, { id: "id", sentAt: Date.now() }, [readPrivateKey(privateKey)]);
	return gate.receive(body, headers);
}

send(send("").challenge);
const cell = new Int32Array(new SharedArrayBuffer(4));
cell[0] = 1;
console.log(`n ${checks} each, three times`);
for (let round = 0; round < 3; round++) {
	console.log(
		"atomic load ",
		nanoseconds(() => Atomics.load(cell, 0) === 1),
	);
	console.log(
		"gate, open  ",
		nanoseconds(() => gate.mayOpen()),
	);
}

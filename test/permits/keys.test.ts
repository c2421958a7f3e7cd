import { sign, verify } from "node:crypto";
import test from "ava";
import { isPermitError } from "../../permits/error.ts";
import {
	generateKeys,
	readPrivateKey,
	readPublicKey,
	readPublicKeys,
	writePublicKey,
} from "../../permits/keys.ts";

test("the halves of a pair belong together, however the private one is written", (t) => {
	// Given a pair, and its private half as libsodium keeps it
	const { privateKey, publicKey } = generateKeys();
	const seed = Buffer.from(privateKey.slice(5), "base64");
	const bytes = Buffer.from(publicKey.slice(5), "base64");
	const long = `whsk_${Buffer.concat([seed, bytes]).toString("base64")}`;
	for (const text of [privateKey, long, ` ${privateKey}\n`]) {
		// When something is signed by it, then the public half says so
		const signature = sign(null, Buffer.from("x"), readPrivateKey(text));
		t.true(verify(null, Buffer.from("x"), readPublicKey(publicKey), signature));
		t.is(writePublicKey(readPrivateKey(text)), publicKey);
	}
});

test("the secret key of RFC 8032, section 7.1, test 1, has the public key that stands there", (t) => {
	const hex = (text: string) => Buffer.from(text, "hex").toString("base64");
	const secret = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	const open = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	t.is(writePublicKey(readPrivateKey(`whsk_${secret}`)), `whpk_${open}`);
});

test("public keys are read as the operator publishes them, all or none", (t) => {
	// Given two keys of the operator, one of whoever raises, as in the ConfigMap
	const [old, next, raise] = [generateKeys(), generateKeys(), generateKeys()].map(
		({ publicKey }) => publicKey,
	);
	const keys = readPublicKeys(JSON.stringify({ permit: [old, next], raise: [raise], later: 1 }));
	// When they are read, then each is there
	t.deepEqual([keys.permit.map(writePublicKey), keys.raise.map(writePublicKey)], [[old, next], [raise]]);
	// When one of them is none, or something is missing, then none is read
	for (const text of [
		"",
		"null",
		"[]",
		"{}",
		`{"permit":["${old}"]}`,
		`{"permit":["${old}","x"],"raise":[]}`,
	]) {
		t.true(
			isPermitError(
				t.throws(() => readPublicKeys(text)),
				"KEY",
			),
			text,
		);
	}
});

test("what is no key is refused without being repeated", (t) => {
	const secret = generateKeys().privateKey;
	for (const text of [
		"",
		"x",
		secret.slice(5),
		`${secret.slice(0, -8)}`,
		`whsk_!${secret.slice(6)}`,
		generateKeys().publicKey,
	]) {
		// When it is read as a private key, then it is refused
		const error = t.throws(() => readPrivateKey(text));
		t.true(isPermitError(error, "KEY"));
		if (text !== "" && text !== "x") t.false(String(error).includes(text.slice(5, 20)));
	}
	t.true(
		isPermitError(
			t.throws(() => readPublicKey(secret)),
			"KEY",
		),
	);
});

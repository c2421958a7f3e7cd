import { createSign, generateKeyPairSync, verify } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { isAuditError } from "../../../audit/error.ts";
import { ecdsaDer } from "../../../audit/signers/ecdsa.ts";
import { isTokenUri, parseTokenUri } from "../../../audit/signers/uri.ts";

const rest = "?module-path=/lib/hsm.so&pin-source=/run/pin";

test("a URI names library, token, key and the file of the PIN", (t) => {
	t.deepEqual(
		parseTokenUri(
			"pkcs11:token=my%20token;serial=01ab;id=%01%ff;object=e;type=private?pin-source=file:/run/pin&module-path=/lib/hsm.so",
		),
		{
			...{ module: "/lib/hsm.so", pinFile: "/run/pin", token: "my token", serial: "01ab" },
			...{ object: "e", id: "01ff" },
		},
	);
	t.is(
		parseTokenUri(`pkcs11:token=a;object=b?module-path=/l&pin-source=file:///run/pin`).pinFile,
		"/run/pin",
	);
	t.true(isTokenUri("pkcs11:"));
	t.false(isTokenUri("/keys/entries.pem"));
});

test("whatever the labels are, they come out as they went in", (t) => {
	fc.assert(
		fc.property(
			fc.string({ unit: "binary", minLength: 1 }),
			fc.string({ unit: "binary", minLength: 1 }),
			(token, object) => {
				const uri = `pkcs11:token=${encodeURIComponent(token)};object=${encodeURIComponent(object)}${rest}`;
				const { token: readToken, object: readObject } = parseTokenUri(uri);
				return readToken === token && readObject === object;
			},
		),
	);
	t.pass();
});

const wrong: Readonly<Record<string, readonly [string, RegExp]>> = {
	"a PIN in it": [
		"pkcs11:token=a;object=b?module-path=/l&pin-value=1234",
		/PIN does not belong into it: write pin-source/,
	],
	"no token": [`pkcs11:object=b${rest}`, /which token\? give token or serial/],
	"no key": [`pkcs11:token=a${rest}`, /which key\? give object or id/],
	"no library": ["pkcs11:token=a;object=b?pin-source=/p", /module-path needs the whole path/],
	"a library by name": [
		"pkcs11:token=a;object=b?module-path=hsm.so&pin-source=/p",
		/module-path needs the whole path/,
	],
	"no PIN": ["pkcs11:token=a;object=b?module-path=/l", /pin-source needs the whole path/],
	"a PIN from a program": [
		"pkcs11:token=a;object=b?module-path=/l&pin-source=|cmd",
		/pin-source needs the whole path/,
	],
	"something twice": [`pkcs11:token=a;token=b;object=b${rest}`, /"token" is there twice/],
	"something unknown": [`pkcs11:token=a;slot-id=1;object=b${rest}`, /"slot-id" is not known here/],
	"a public key": [`pkcs11:token=a;object=b;type=public${rest}`, /a private key signs/],
	"half an escape": [`pkcs11:token=a%4;object=b${rest}`, /"token" is not percent-encoded/],
	"two queries": [`pkcs11:token=a;object=b${rest}?more`, /has one "\?"/],
};
for (const [what, [uri, words]] of Object.entries(wrong)) {
	test(`${what} is refused, with an example`, (t) => {
		const error = t.throws(() => parseTokenUri(uri));
		t.true(isAuditError(error, "KEY"));
		t.regex(error?.message ?? "", words);
		t.regex(error?.message ?? "", /like pkcs11:token=LABEL;object=LABEL\?module-path=/);
		t.false(error?.message.includes("1234"));
	});
}

test("signatures as tokens give them become those that OpenSSL takes", (t) => {
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	// Short and negative-looking halves come up within some hundred.
	for (let at = 0; at < 600; at += 1) {
		const bytes = Buffer.from(String(at));
		const raw = createSign("sha256").update(bytes).sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
		t.true(verify("sha256", bytes, publicKey, ecdsaDer(raw)));
	}
	t.is(
		ecdsaDer(Buffer.concat([Buffer.alloc(31), Buffer.of(0x80), Buffer.alloc(31), Buffer.of(1)])).toString(
			"hex",
		),
		"300702020080020101",
	);
});

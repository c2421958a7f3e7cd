import { readFileSync } from "node:fs";
import { messageOf } from "../error.ts";
import { type Attribute, Cryptoki, CryptokiError, ck, ulong } from "./cryptoki.ts";
import type { TokenAnswer, TokenFailure, TokenKeyKind, TokenRequest } from "./protocol.ts";
import type { TokenKey } from "./uri.ts";

// The process that holds a token. A library that hangs or crashes takes nothing else with it.

type Held = {
	readonly cryptoki: Cryptoki;
	readonly session: bigint;
	readonly key: bigint;
	readonly keyKind: TokenKeyKind;
};

class Failure extends Error {
	override readonly name = "Failure";
	readonly failure: TokenFailure;

	constructor(failure: TokenFailure, message: string, options?: ErrorOptions) {
		super(message, options);
		this.failure = failure;
	}
}

const curves: Readonly<Record<string, { readonly keyKind: TokenKeyKind; readonly der: string }>> = {
	// OID prime256v1
	"06082a8648ce3d030107": {
		keyKind: "P256",
		der: "3059301306072a8648ce3d020106082a8648ce3d030107034200",
	},
	// OID Ed25519, and its name as text
	"06032b6570": { keyKind: "Ed25519", der: "302a300506032b6570032100" },
	"130c656477617264733235353139": { keyKind: "Ed25519", der: "302a300506032b6570032100" },
};
const pointBytes = { P256: 65, Ed25519: 32 } as const;
const mechanisms = { P256: ck.mechanism.ecdsa, Ed25519: ck.mechanism.eddsa } as const;
const pinAnswers = [0xa0n, 0xa1n, 0xa2n, 0xa3n, 0xa4n, 0x102n];

let held: Held | undefined;

async function open(asked: TokenKey): Promise<TokenAnswer & { readonly kind: "Opened" }> {
	const cryptoki = await load(asked.module);
	const tokens = cryptoki.tokens().filter(({ label, serial }) => {
		const [wantedLabel, wantedSerial] = [asked.token ?? label, asked.serial ?? serial];
		return label === wantedLabel && serial === wantedSerial;
	});
	const token = `token ${asked.token ?? asked.serial}`;
	const [first] = tokens;
	if (first === undefined) throw new Failure("Away", `${token} is not there`);
	if (tokens.length > 1)
		throw new Failure("Wrong", `${tokens.length} tokens are called so: give serial as well`);
	const session = cryptoki.login(first.slot, pinOf(asked.pinFile));
	const named: Attribute[] = [
		...(asked.object === undefined ? [] : [[ck.attribute.label, Buffer.from(asked.object)] as const]),
		...(asked.id === undefined ? [] : [[ck.attribute.id, Buffer.from(asked.id, "hex")] as const]),
	];
	const only = (what: string, objectClass: bigint, by: readonly Attribute[]) => {
		const found = cryptoki.find(session, [[ck.attribute.class, ulong(objectClass)], ...by]);
		if (found[0] !== undefined && found.length === 1) return found[0];
		const name = asked.object ?? asked.id;
		throw new Failure("Wrong", `${token} holds ${found.length} ${what} keys ${name}: there must be one`);
	};
	const key = only("private", ck.privateKey, named);
	const isTrue = (type: bigint) => cryptoki.attribute(session, key, type)[0] === 1;
	if (isTrue(ck.attribute.extractable) || !isTrue(ck.attribute.sensitive)) {
		throw new Failure(
			"Wrong",
			"this key may leave its token: make one that is sensitive and not extractable",
		);
	}
	const id = cryptoki.attribute(session, key, ck.attribute.id);
	const twin = only("public", ck.publicKey, id.length > 0 ? [[ck.attribute.id, id]] : named);
	const curve = curves[cryptoki.attribute(session, twin, ck.attribute.ecParams).toString("hex")];
	if (curve === undefined) throw new Failure("Wrong", "this key is neither P-256 nor Ed25519");
	// An OCTET STRING around the point, which is its last bytes.
	const point = cryptoki.attribute(session, twin, ck.attribute.ecPoint).subarray(-pointBytes[curve.keyKind]);
	held = { cryptoki, session, key, keyKind: curve.keyKind };
	const publicKey = Buffer.concat([Buffer.from(curve.der, "hex"), point]);
	return { number: 0, kind: "Opened", keyKind: curve.keyKind, publicKey };
}

async function load(path: string): Promise<Cryptoki> {
	try {
		return await Cryptoki.load(path);
	} catch (cause) {
		if (cause instanceof CryptokiError) throw cause;
		const isMissing = (cause as { readonly code?: string }).code === "ERR_MODULE_NOT_FOUND";
		const why = isMissing
			? "the package koffi is not installed, which speaks to tokens: npm install koffi@3.3.4"
			: `${path} (module-path) is no PKCS #11 library of this machine: ${messageOf(cause)}`;
		throw new Failure("Wrong", why, { cause });
	}
}

function pinOf(path: string): Buffer {
	try {
		return Buffer.from(readFileSync(path, "utf8").replace(/\r?\n$/, ""));
	} catch (cause) {
		throw new Failure("Wrong", `the file of the PIN cannot be read: ${messageOf(cause)}`, { cause });
	}
}

async function act(request: TokenRequest): Promise<TokenAnswer> {
	const { number } = request;
	try {
		switch (request.kind) {
			case "Open":
				return { ...(await open(request.key)), number };
			case "Sign": {
				if (held === undefined) throw new Failure("Away", "the token was not opened");
				const { cryptoki, session, key, keyKind } = held;
				const signature = cryptoki.sign(session, key, mechanisms[keyKind], request.bytes);
				return { number, kind: "Signed", signature };
			}
		}
	} catch (error) {
		return { number, kind: "Failed", why: messageOf(error), failure: failureOf(error) };
	}
}

function failureOf(error: unknown): TokenFailure {
	if (error instanceof Failure) return error.failure;
	return error instanceof CryptokiError && pinAnswers.includes(error.answer) ? "Pin" : "Away";
}

process.on("message", async (message) => {
	process.send?.(await act(message as TokenRequest));
});
// Whoever asked is gone.
process.on("disconnect", () => process.exit());

// The library below registers its parts by decorators and refuses to load without this polyfill.
import "reflect-metadata";
import { generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
import {
	BasicConstraintsExtension,
	ExtendedKeyUsage,
	ExtendedKeyUsageExtension,
	type JsonName,
	KeyUsageFlags,
	KeyUsagesExtension,
	PemConverter,
	SubjectAlternativeNameExtension,
	SubjectKeyIdentifierExtension,
	X509Certificate,
	X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both in PEM. */
export type KeyPair = { readonly certificate: string; readonly key: string };

/** What a certificate is issued for. */
export type CertificateRequest = {
	/** The user name, for a client certificate. */
	readonly commonName: string;
	/** The groups, for a client certificate. */
	readonly organizations?: readonly string[];
	/** Names and IP addresses a server is reached by. */
	readonly dnsNames?: readonly string[];
	readonly ipAddresses?: readonly string[];
	/** `Peer` is both server and client: etcd uses one certificate for both. */
	readonly usage: "Server" | "Client" | "Peer";
	/** How long from now it is valid; a year by default. */
	readonly lifetimeMilliseconds?: number;
};

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 24 * 60 * 60 * 1000;
const LIFETIME = 365 * DAY;

/** Creates a certificate authority (ECDSA P-256, valid for a year). */
export async function createAuthority(commonName: string): Promise<KeyPair> {
	const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
	const certificate = await X509CertificateGenerator.createSelfSigned({
		serialNumber: serialNumber(),
		name: [{ CN: [commonName] }],
		...validity(),
		keys,
		signingAlgorithm: ALGORITHM,
		extensions: [
			new BasicConstraintsExtension(true, undefined, true),
			new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
			await SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return { certificate: certificate.toString("pem"), key: await privateKeyPem(keys.privateKey) };
}

/** Issues a certificate with a new key, signed by `authority`. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
	const issuer = new X509Certificate(authority.certificate);
	const signingKey = await webcrypto.subtle.importKey(
		"pkcs8",
		PemConverter.decodeFirst(authority.key),
		ALGORITHM,
		false,
		["sign"],
	);
	const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
	const names = [
		...(request.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
		...(request.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
	];
	const certificate = await X509CertificateGenerator.create({
		serialNumber: serialNumber(),
		subject: subject(request),
		issuer: issuer.subject,
		...validity(request.lifetimeMilliseconds),
		publicKey: keys.publicKey,
		signingKey,
		signingAlgorithm: ALGORITHM,
		extensions: [
			new BasicConstraintsExtension(false, undefined, true),
			new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
			new ExtendedKeyUsageExtension(extendedUsages(request.usage)),
			...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
		],
	});
	return { certificate: certificate.toString("pem"), key: await privateKeyPem(keys.privateKey) };
}

/** The key pair that signs and verifies service account tokens, in PEM. */
export function createTokenKeys(): { readonly publicKey: string; readonly privateKey: string } {
	return generateKeyPairSync("ec", {
		namedCurve: "P-256",
		publicKeyEncoding: { type: "spki", format: "pem" },
		privateKeyEncoding: { type: "pkcs8", format: "pem" },
	});
}

function subject(request: CertificateRequest): JsonName {
	const organizations = request.organizations ?? [];
	return [...organizations.map((name) => ({ O: [name] })), { CN: [request.commonName] }];
}

function extendedUsages(usage: CertificateRequest["usage"]): ExtendedKeyUsage[] {
	switch (usage) {
		case "Server":
			return [ExtendedKeyUsage.serverAuth];
		case "Client":
			return [ExtendedKeyUsage.clientAuth];
		case "Peer":
			return [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];
	}
}

/** Starts an hour ago, so that a clock set back a little does not invalidate the cluster. */
function validity(lifetime = LIFETIME): { notBefore: Date; notAfter: Date } {
	const now = Date.now();
	return { notBefore: new Date(now - DAY / 24), notAfter: new Date(now + lifetime) };
}

/** 16 random bytes with the top bit clear and the next one set: positive and without leading zeros (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
	const bytes = randomBytes(16);
	bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
	return bytes.toString("hex");
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
	return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

import { AuditError } from "../error.ts";

/** A private key in a token: what a `pkcs11:` URI says. */
export type TokenKey = {
	/** Path of the library that speaks to the token. */
	readonly module: string;
	/** Which token: its label, its serial number, or both. */
	readonly token: string | undefined;
	readonly serial: string | undefined;
	/** Which key: its label, its id (hex), or both. */
	readonly object: string | undefined;
	readonly id: string | undefined;
	/** Path of the file with the PIN. */
	readonly pinFile: string;
};

const scheme = "pkcs11:";
const example =
	"pkcs11:token=LABEL;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/secrets/pin";

/** True for what names a key in a token, and no file. */
export function isTokenUri(text: string): boolean {
	return text.startsWith(scheme);
}

/** Reads a URI of RFC 7512. A PIN is named by its file, never given. Throws `KEY`. */
export function parseTokenUri(text: string): TokenKey {
	const wrong = (why: string) =>
		new AuditError("KEY", `this URI names no key in a token: ${why}; like ${example}`);
	const [path = "", query = "", ...more] = text.slice(scheme.length).split("?");
	if (!isTokenUri(text) || more.length > 0) throw wrong(`it begins with ${scheme} and has one "?"`);
	const known = new Map<string, Buffer>();
	for (const [part, separator, names] of [
		[path, ";", ["token", "serial", "object", "id", "type"]],
		[query, "&", ["module-path", "pin-source"]],
	] as const) {
		for (const attribute of part.split(separator).filter((one) => one !== "")) {
			const [name = "", ...value] = attribute.split("=");
			if (name === "pin-value") throw wrong("a PIN does not belong into it: write pin-source=FILE");
			// Whoever asks for more than is looked at would be given another key than they meant.
			if (!names.some((one) => one === name)) throw wrong(`"${name}" is not known here`);
			if (known.has(name)) throw wrong(`"${name}" is there twice`);
			known.set(
				name,
				unescaped(value.join("="), () => wrong(`"${name}" is not percent-encoded`)),
			);
		}
	}
	const text8 = (name: string) => known.get(name)?.toString("utf8");
	const [module, pinFile] = [text8("module-path"), text8("pin-source")?.replace(/^file:(\/\/)?/, "")];
	if (module?.startsWith("/") !== true) throw wrong("module-path needs the whole path of a library");
	if (pinFile?.startsWith("/") !== true)
		throw wrong("pin-source needs the whole path of a file with the PIN");
	if (!known.has("token") && !known.has("serial")) throw wrong("which token? give token or serial");
	if (!known.has("object") && !known.has("id")) throw wrong("which key? give object or id");
	if ((text8("type") ?? "private") !== "private") throw wrong("a private key signs");
	return {
		...{ module, pinFile, token: text8("token"), serial: text8("serial") },
		...{ object: text8("object"), id: known.get("id")?.toString("hex") },
	};
}

function unescaped(text: string, wrong: () => AuditError): Buffer {
	if (!/^(?:%[0-9A-Fa-f]{2}|[^%])*$/.test(text)) throw wrong();
	const parts = text.match(/%[0-9A-Fa-f]{2}|[^%]+/g) ?? [];
	return Buffer.concat(
		parts.map((part) => (part.startsWith("%") ? Buffer.from(part.slice(1), "hex") : Buffer.from(part))),
	);
}

import type { KoffiFunc } from "koffi";

// PKCS #11 v2.40, as far as signing needs it: https://docs.oasis-open.org/pkcs11/pkcs11-base/v2.40/

/** Numbers of the standard. */
export const ck = {
	userPin: 1n,
	serialSession: 4n,
	privateKey: 3n,
	publicKey: 2n,
	attribute: {
		class: 0x000n,
		label: 0x003n,
		id: 0x102n,
		sensitive: 0x103n,
		extractable: 0x162n,
		ecParams: 0x180n,
		ecPoint: 0x181n,
	},
	mechanism: { ecdsa: 0x1041n, eddsa: 0x1057n },
} as const;

/** Names of the answers that people meet. */
const names: Readonly<Record<string, string>> = {
	"0x3": "CKR_SLOT_ID_INVALID",
	"0x5": "CKR_GENERAL_ERROR",
	"0x30": "CKR_DEVICE_ERROR",
	"0x32": "CKR_DEVICE_REMOVED",
	"0x54": "CKR_FUNCTION_NOT_SUPPORTED",
	"0x60": "CKR_KEY_HANDLE_INVALID",
	"0x70": "CKR_MECHANISM_INVALID",
	"0x82": "CKR_OBJECT_HANDLE_INVALID",
	"0xa0": "CKR_PIN_INCORRECT",
	"0xa1": "CKR_PIN_INVALID",
	"0xa2": "CKR_PIN_LEN_RANGE",
	"0xa3": "CKR_PIN_EXPIRED",
	"0xa4": "CKR_PIN_LOCKED",
	"0xb3": "CKR_SESSION_HANDLE_INVALID",
	"0xe0": "CKR_TOKEN_NOT_PRESENT",
	"0xe1": "CKR_TOKEN_NOT_RECOGNIZED",
	"0x101": "CKR_USER_NOT_LOGGED_IN",
	"0x102": "CKR_USER_PIN_NOT_INITIALIZED",
};

/** A call that the library of a token answered with something else than OK. */
export class CryptokiError extends Error {
	override readonly name = "CryptokiError";
	readonly answer: bigint;

	constructor(call: string, answer: bigint) {
		const hex = `0x${answer.toString(16)}`;
		super(`${call} answers ${names[hex] ?? hex}`);
		this.answer = answer;
	}
}

/** What a token says of itself. */
export type TokenInfo = { readonly slot: bigint; readonly label: string; readonly serial: string };

/** An attribute to look for. */
export type Attribute = readonly [type: bigint, value: Uint8Array];

/** Places of functions in CK_FUNCTION_LIST, and how each is called. */
const functions = {
	C_Initialize: [0, "ulong C_Initialize(void *args)"],
	C_GetSlotList: [4, "ulong C_GetSlotList(uchar present, _Out_ ulong *slots, _Inout_ ulong *count)"],
	C_GetTokenInfo: [6, "ulong C_GetTokenInfo(ulong slot, _Out_ uint8_t *info)"],
	C_OpenSession: [
		12,
		"ulong C_OpenSession(ulong slot, ulong flags, void *it, void *notify, _Out_ ulong *session)",
	],
	C_Login: [18, "ulong C_Login(ulong session, ulong user, const uint8_t *pin, ulong length)"],
	C_GetAttributeValue: [
		24,
		"ulong C_GetAttributeValue(ulong session, ulong object, _Inout_ CK_ATTRIBUTE *attributes, ulong count)",
	],
	C_FindObjectsInit: [
		26,
		"ulong C_FindObjectsInit(ulong session, const CK_ATTRIBUTE *attributes, ulong count)",
	],
	C_FindObjects: [
		27,
		"ulong C_FindObjects(ulong session, _Out_ ulong *objects, ulong most, _Out_ ulong *count)",
	],
	C_FindObjectsFinal: [28, "ulong C_FindObjectsFinal(ulong session)"],
	C_SignInit: [42, "ulong C_SignInit(ulong session, const CK_MECHANISM *mechanism, ulong key)"],
	C_Sign: [
		43,
		"ulong C_Sign(ulong session, const uint8_t *data, ulong length, _Out_ uint8_t *signature, _Inout_ ulong *size)",
	],
} as const;

type Calls = Readonly<Record<keyof typeof functions, (...args: unknown[]) => void>>;

const mostSlots = 64;
const mostObjects = 8;
const mostAttributeBytes = 1_024;
const infoBytes = 512;
const pointerBytes = 8;

/**
 * The library of a token. Each call takes as long as the token does: this belongs into a process of its own. Throws
 * {@link CryptokiError}, and what loading throws.
 */
export class Cryptoki {
	readonly #call: Calls;

	private constructor(call: Calls) {
		this.#call = call;
	}

	static async load(path: string): Promise<Cryptoki> {
		const { default: koffi } = await import("koffi");
		const library = koffi.load(path);
		koffi.struct("CK_ATTRIBUTE", { type: "ulong", pValue: "void *", ulValueLen: "ulong" });
		koffi.struct("CK_MECHANISM", { mechanism: "ulong", pParameter: "void *", ulParameterLen: "ulong" });
		const list = [null];
		checked("C_GetFunctionList", library.func("ulong C_GetFunctionList(_Out_ void **list)"))(list);
		const entries = Object.entries(functions).map(([name, [place, prototype]]) => {
			// A version stands before them, in a place as wide as a pointer.
			const pointer = koffi.decode(list[0], pointerBytes * (1 + place), "void *");
			return [name, checked(name, koffi.decode(pointer, koffi.proto(prototype)))] as const;
		});
		const cryptoki = new Cryptoki(Object.fromEntries(entries) as Calls);
		cryptoki.#call.C_Initialize(null);
		return cryptoki;
	}

	/** The tokens that are there now. */
	tokens(): readonly TokenInfo[] {
		const slots = new BigUint64Array(mostSlots);
		const count = [mostSlots];
		this.#call.C_GetSlotList(1, slots, count);
		return [...slots.subarray(0, count[0])].map((slot) => {
			const info = Buffer.alloc(infoBytes);
			this.#call.C_GetTokenInfo(slot, info);
			const text = (from: number, to: number) => info.toString("utf8", from, to).trimEnd();
			return { slot, label: text(0, 32), serial: text(80, 96) };
		});
	}

	/** Opens a session for reading and logs in. */
	login(slot: bigint, pin: Uint8Array): bigint {
		const session = [0n];
		this.#call.C_OpenSession(slot, ck.serialSession, null, null, session);
		const [opened = 0n] = session;
		this.#call.C_Login(opened, ck.userPin, pin, pin.length);
		return BigInt(opened);
	}

	/** Objects with all these attributes. */
	find(session: bigint, attributes: readonly Attribute[]): readonly bigint[] {
		const template = attributes.map(([type, value]) => ({ type, pValue: value, ulValueLen: value.length }));
		this.#call.C_FindObjectsInit(session, template, template.length);
		const objects = new BigUint64Array(mostObjects);
		const count = [0];
		this.#call.C_FindObjects(session, objects, mostObjects, count);
		this.#call.C_FindObjectsFinal(session);
		return [...objects.subarray(0, Number(count[0]))];
	}

	attribute(session: bigint, object: bigint, type: bigint): Buffer {
		const value = Buffer.alloc(mostAttributeBytes);
		const template = [{ type, pValue: value, ulValueLen: value.length }];
		this.#call.C_GetAttributeValue(session, object, template, 1);
		return value.subarray(0, Number(template[0]?.ulValueLen));
	}

	sign(session: bigint, key: bigint, mechanism: bigint, bytes: Uint8Array): Buffer {
		this.#call.C_SignInit(session, { mechanism, pParameter: null, ulParameterLen: 0 }, key);
		const signature = Buffer.alloc(mostAttributeBytes);
		const size = [signature.length];
		this.#call.C_Sign(session, bytes, bytes.length, signature, size);
		return signature.subarray(0, Number(size[0]));
	}
}

/** A number as the standard writes it in memory. */
export function ulong(value: bigint): Buffer {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(value);
	return bytes;
}

function checked(
	name: string,
	call: KoffiFunc<(...args: unknown[]) => number | bigint>,
): (...args: unknown[]) => void {
	return (...args) => {
		const answer = BigInt(call(...args));
		if (answer !== 0n) throw new CryptokiError(name, answer);
	};
}

/** An ECDSA signature as DER (RFC 3279, 2.2.3), out of r and s side by side as tokens give it. */
export function ecdsaDer(raw: Uint8Array): Buffer {
	const half = raw.length / 2;
	const body = Buffer.concat([integer(raw.subarray(0, half)), integer(raw.subarray(half))]);
	return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function integer(bytes: Uint8Array): Buffer {
	const first = bytes.findIndex((byte) => byte !== 0);
	const digits = bytes.subarray(first < 0 ? bytes.length - 1 : first);
	// The highest bit would make it negative.
	const sign = (digits[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0);
	return Buffer.concat([Buffer.of(0x02, digits.length + sign.length), sign, digits]);
}

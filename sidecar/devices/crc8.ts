const polynomial = 0x2f;

const table = Uint8Array.from({ length: 256 }, (_, byte) => {
	let rest = byte;
	for (let bit = 0; bit < 8; bit++)
		rest = (rest & 0x80) === 0 ? rest << 1 : ((rest << 1) ^ polynomial) & 0xff;
	return rest;
});

/**
 * CRC-8/AUTOSAR: polynomial 0x2F, start and final XOR 0xFF, nothing reflected; "123456789" gives 0xDF.
 * In a report as short as ours it notices any three flipped bits.
 */
export function crc8(bytes: Uint8Array): number {
	let rest = 0xff;
	for (const byte of bytes) rest = table[rest ^ byte] ?? 0;
	return rest ^ 0xff;
}

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** TCP_LISTEN as proc(5) writes it. */
const LISTENING = "0A";

/** The addresses on which a process of this machine listens (Linux only). IPv6 ones are given as raw hexadecimal. */
export function listeningAddresses(pid: number): string[] {
	const sockets = new Set(
		readdirSync(`/proc/${pid}/fd`).map(
			(fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1],
		),
	);
	return ["tcp", "tcp6"].flatMap((family) =>
		readFileSync(`/proc/${pid}/net/${family}`, "utf8")
			.split("\n")
			.slice(1)
			.map((line) => line.trim().split(/\s+/))
			.filter((fields) => fields[3] === LISTENING && sockets.has(fields[9]))
			.map((fields) => address(fields[1] ?? "")),
	);
}

/** The kernel writes an IPv4 address as one little-endian number. */
function address(text: string): string {
	const [host = "", port = ""] = text.split(":");
	const number = Number.parseInt(port, 16);
	if (host.length !== 8) return `[${host}]:${number}`;
	const bytes = host.match(/../g) ?? [];
	return `${bytes
		.reverse()
		.map((byte) => Number.parseInt(byte, 16))
		.join(".")}:${number}`;
}

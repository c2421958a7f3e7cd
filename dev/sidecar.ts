import { parseOptions } from "../sidecar/options.ts";
import { startSidecar } from "../sidecar/run.ts";
import { boxInfo, VirtualBox } from "../sidecar/testing/virtual-box.ts";
import { VirtualTransport } from "../sidecar/testing/virtual-transport.ts";
import { gatesIn } from "./gates-file.ts";

// The sidecar of the demo: everything above the transport is the real one, the box exists in memory only.
// node dev/sidecar.ts --box SERIAL --gates FILE [options of sidecar/main.ts]; FILE as that of dev/operator.ts. Whoever started it
// moves the button by messages ("Press", "Release"), and is told what the box shows whenever that changes, and when a press was (milliseconds since 1970).

const lookMilliseconds = 50;

const [box, serial, gates, file, ...args] = process.argv.slice(2);
if (box !== "--box" || serial === undefined || gates !== "--gates" || file === undefined) {
	throw new Error("usage: node dev/sidecar.ts --box SERIAL --gates FILE [options]");
}
const transport = new VirtualTransport();
const button = new VirtualBox(transport.plug(boxInfo(serial)));
let told = "";
setInterval(() => {
	const shown = { pressed: button.isPressed, ...button.shown() };
	if (JSON.stringify(shown) === told) return;
	told = JSON.stringify(shown);
	process.send?.(shown);
}, lookMilliseconds);
process.on("message", (what) => {
	if (what === "Press") {
		// From here on its report is readable.
		const pressedAt = performance.timeOrigin + performance.now();
		button.press();
		process.send?.({ pressedAt });
	}
	if (what === "Release") button.release();
});
const sidecar = await startSidecar(parseOptions(args), { transport, resolve: gatesIn(file) });
process.once("SIGTERM", () => {
	sidecar.stop().then(
		() => process.exit(0),
		(error: unknown) => {
			console.error(error);
			process.exit(1);
		},
	);
});

/** A bot in twenty lines: it opens positions only while its gate is open. Run with the desk's public keys. */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { isPermitError } from "../../permits/error.ts";
import { Gate } from "../../permits/gate.ts";
import { readPublicKey } from "../../permits/keys.ts";

const { PERMIT_KEY = "", RAISE_KEY = "", PORT = "8090" } = process.env;
const keys = { permit: [readPublicKey(PERMIT_KEY)], raise: [readPublicKey(RAISE_KEY)] };
const gate = new Gate({ keys: () => keys, onDuties: (duties) => console.log("do", duties) });

// On the order path: `if (gate.mayOpen()) ...`
createServer(async (request, response) => {
	try {
		response.end(JSON.stringify(gate.receive(await text(request), request.headers)));
	} catch (error) {
		response.statusCode = isPermitError(error, "SIGNATURE") ? 401 : 400;
		response.end(String(error));
	}
}).listen(Number(PORT), "127.0.0.1");

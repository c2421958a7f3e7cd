/** A bot in some twenty lines: it opens positions only while its gate is open. KEYS names keys.json of the ConfigMap. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { isPermitError } from "../../permits/error.ts";
import { Gate } from "../../permits/gate.ts";
import { readPublicKeys } from "../../permits/keys.ts";
import { type Holding, positionsOf } from "../../permits/positions.ts";

const { KEYS = "", PORT = "8090" } = process.env;
/** Read with each message: keys are exchanged while bots run. */
const keys = () => readPublicKeys(readFileSync(KEYS, "utf8"));
const gate = new Gate({ keys, onDuties: (duties) => console.log("do", JSON.stringify(duties)) });
/** As the venue says. */
const held: Holding[] = [];
const positions = () => positionsOf(gate, { account: "example", at: Date.now(), restingOrders: 0, held });

// On the order path: `if (gate.mayOpen()) ...`
createServer(async (request, response) => {
	try {
		const body = await text(request);
		const answer = request.method === "POST" ? gate.receive(body, request.headers) : positions();
		response.end(JSON.stringify(answer));
	} catch (error) {
		response.writeHead(isPermitError(error, "SIGNATURE") ? 401 : 400).end(String(error));
	}
}).listen(Number(PORT), "127.0.0.1");

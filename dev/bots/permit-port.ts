import type { Acknowledgement } from "../../permits/acknowledgement.ts";
import { isPermitError } from "../../permits/error.ts";
import type { Gate } from "../../permits/gate.ts";
import type { Routes } from "./http.ts";

/**
 * `POST /permit`: the gate takes the message in and its answer is sent back. 401: nobody whose key is known signed it;
 * 400: it is no permit. `onTaken` is told the answer before it is sent, with the body as it came.
 */
export function permitRoute(
	gate: () => Gate,
	onTaken: (answer: Acknowledgement, body: string) => void,
): Routes {
	return {
		"POST /permit": ({ body, headers }) => {
			try {
				const answer = gate().receive(body, headers);
				onTaken(answer, body);
				return { status: 200, body: answer };
			} catch (error) {
				if (!isPermitError(error)) throw error;
				return { status: isPermitError(error, "SIGNATURE") ? 401 : 400, body: { error: error.message } };
			}
		},
	};
}

import type { ExecutionContext } from "ava";
import { Client, type ClientOptions } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { FaultServer } from "../../kube/testing/fault-server.ts";

export type World = { readonly server: FaultServer; readonly client: Client };

/** A fault server with a client, both ended after the test. */
export async function startWorld(t: ExecutionContext, options: ClientOptions = {}): Promise<World> {
	const server = await FaultServer.start();
	const client = new Client(await connect(server.access()), options);
	t.teardown(async () => {
		await client.close();
		await server.stop();
	});
	return { server, client };
}

export const pods = "/api/v1/namespaces/desk/pods";

/** A pod with one label that tests change. */
export function pod(name: string, label = "a") {
	return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "desk", labels: { label } } };
}

/** What `promise` rejected with; fails when it did not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
	try {
		await promise;
	} catch (error) {
		return error;
	}
	throw new Error("it did not fail");
}

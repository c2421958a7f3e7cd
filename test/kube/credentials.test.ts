import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { followKubeConfig } from "../../kube/kubeconfig.ts";
import { FaultServer } from "../../kube/testing/fault-server.ts";
import { until } from "../support/until.ts";
import { failureOf, pods } from "./support.ts";

/** A server that accepts one token at a time, and a client whose kubeconfig is a file. */
async function startFollowing(t: ExecutionContext, user: object, onStale?: (error: unknown) => void) {
	const server = await FaultServer.start();
	const path = join(tmpdir(), `tradingsafety-kubeconfig-${randomBytes(6).toString("hex")}`);
	const write = (content: object, where = server.url) => {
		const config = {
			clusters: [{ name: "c", cluster: { server: where, "insecure-skip-tls-verify": true } }],
			users: [{ name: "u", user: content }],
			contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
			"current-context": "x",
		};
		writeFileSync(`${path}.new`, JSON.stringify(config));
		renameSync(`${path}.new`, path);
	};
	write(user);
	const connection = await connect(followKubeConfig(path), onStale === undefined ? {} : { onStale });
	const client = new Client(connection);
	let accepted = "one";
	server.always("list", (exchange) => {
		if (exchange.request.headers.authorization === `Bearer ${accepted}`) server.serve(exchange);
		else exchange.fail(401, "Unauthorized", "who are you?");
	});
	t.teardown(async () => {
		await client.close();
		await server.stop();
		rmSync(path, { force: true });
	});
	return {
		server,
		client,
		path,
		write,
		accept: (token: string) => {
			accepted = token;
		},
	};
}

test("a token that was replaced in the kubeconfig is used after the first refusal", async (t) => {
	// Given a client whose token was good
	const { client, write, accept } = await startFollowing(t, { token: "one" });
	await client.list(pods);
	// When the server wants another, before the kubeconfig has it
	accept("two");
	t.like(await failureOf(client.list(pods)), { code: "UNAUTHORIZED" });
	write({ token: "two" });
	// Then soon after the kubeconfig has it, it is sent
	await until("the new token is used", () => client.list(pods));
	t.pass();
});

test("a token file that was rewritten is read again after a refusal, sooner than its minute", async (t) => {
	// Given a client with a token file, as pods have
	const file = join(tmpdir(), `tradingsafety-token-${randomBytes(6).toString("hex")}`);
	writeFileSync(file, "one");
	t.teardown(() => rmSync(file, { force: true }));
	const user = { "auth-provider": { name: "tokenFile", config: { tokenFile: file } } };
	const { client, accept } = await startFollowing(t, user);
	await client.list(pods);
	// When file and server move on
	writeFileSync(file, "two");
	accept("two");
	// Then the new token is used
	await until("the new token is used", () => client.list(pods));
	t.pass();
});

test("a kubeconfig that leads elsewhere is followed", async (t) => {
	// Given a client, and a server at a new address
	const { client, server, write, accept } = await startFollowing(t, { token: "one" });
	const moved = await FaultServer.start();
	t.teardown(() => moved.stop());
	await client.list(pods);
	// When the old one refuses, and the kubeconfig names the new one
	write({ token: "two" }, moved.url);
	accept("nobody");
	await until("the new server is asked", () => client.list(pods));
	// Then calls go there and no longer to the old one
	const before = server.requests.length;
	await client.list(pods);
	t.is(server.requests.length, before);
	t.is(moved.seen("list").length, 2);
});

test("while the kubeconfig cannot be read the old credentials are used, and it is said", async (t) => {
	// Given a client, and a kubeconfig that is gone
	const errors: unknown[] = [];
	const { client, path, write, accept } = await startFollowing(t, { token: "one" }, (error) => {
		errors.push(error);
	});
	await client.list(pods);
	rmSync(path);
	// When a refusal makes it read again
	accept("two");
	await until("it could not be read", async () => {
		await failureOf(client.list(pods));
		return errors.length > 0;
	});
	t.like(errors[0], { code: "CONFIG" });
	// Then the old token still is sent, and the new one when the file is back
	accept("one");
	await client.list(pods);
	accept("two");
	write({ token: "two" });
	await until("the new token is used", () => client.list(pods));
});

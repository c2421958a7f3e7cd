import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { targetSchema } from "../../crds/target-spec.ts";
import { podAddress } from "../../gates/address.ts";
import { OperatorError } from "../../operator/error.ts";
import { parseOptions } from "../../operator/options.ts";
import { SidecarError } from "../../sidecar/error.ts";
import { parseOptions as parseSidecarOptions } from "../../sidecar/options.ts";
import { podOf } from "../core/desk.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("a pod is told at the address that its kubelet says, and nowhere before that", (t) => {
	const at = (address?: string) =>
		podAddress(podOf("bot", { ...(address !== undefined && { address }) }), 8090);
	t.is(at("10.1.2.3"), "http://10.1.2.3:8090");
	t.is(at("fd00::7"), "http://[fd00::7]:8090");
	t.is(at(), undefined);
});

test("no field of a desk, option or variable says where else permits go", (t) => {
	// Given the schema of a target, then where permits go is a port and a path of the pod itself
	const { properties } = targetSchema.properties.signal.properties.http;
	t.deepEqual(Object.keys(properties).sort(), ["path", "port"]);
	// When the address book of the demo is named to what runs in production, then it is not known there
	t.is(t.throws(() => parseOptions(["--gates", "x"]), { instanceOf: OperatorError })?.code, "USAGE");
	t.is(t.throws(() => parseSidecarOptions(["--gates", "x"]), { instanceOf: SidecarError })?.code, "USAGE");
	// Then variables are read for the credentials of the API server alone
	const found = ["core", "crds", "gates", "kube", "operator", "permits", "sidecar"].flatMap((folder) =>
		readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
			.filter((name) => name.endsWith(".ts"))
			.flatMap((name) => {
				const lines = readFileSync(join(root, folder, name), "utf8").split("\n");
				return lines
					.filter((line) =>
						/process\.env|process\[|loadEnvFile|EnvHttpProxyAgent|setGlobalDispatcher/.test(line),
					)
					.map((line) => `${folder}/${name}: ${line.trim()}`);
			}),
	);
	t.deepEqual(found.sort(), [
		"operator/api-servers.ts: const source = await credentials(options, process.env);",
		"sidecar/run.ts: const source = await credentials(options, process.env);",
	]);
});

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { openCluster } from "./access.ts";
import { startCluster } from "./cluster.ts";
import { ClusterError } from "./errors.ts";
import { API_SERVERS, type ClusterFiles, clusterFiles, readProcesses } from "./files.ts";
import { isClusterRunning } from "./folder.ts";
import { displayProgress } from "./progress.ts";
import { endCluster, holdsCluster } from "./shutdown.ts";

const USAGE = `Usage: npm run cluster -- COMMAND --dir DIR

  up      [--nodes N] [--api-servers N]
                                   start a Kubernetes control plane with N (4) simulated nodes and N (1) API
                                   servers and leave it running; prints the administrator's kubeconfig
  down                             end it and remove its files
  status                           say whether it runs
  user    --name NAME [--group G]  prints the path of a new kubeconfig for a user in the groups G...

For a shell: export KUBECONFIG=$(npm run -s cluster -- up --dir DIR)`;

type Command =
	| { readonly kind: "Up"; readonly dir: string; readonly nodes: number; readonly apiServers: number }
	| { readonly kind: "Down" | "Status"; readonly dir: string }
	| {
			readonly kind: "User";
			readonly dir: string;
			readonly name: string;
			readonly groups: readonly string[];
	  };

function parse(args: readonly string[]): Command {
	const { values, positionals } = parseCommandLine(args);
	const [name, ...surplus] = positionals;
	if (name === undefined) throw badArguments("no command given");
	if (surplus.length > 0) throw badArguments(`unexpected: ${surplus.join(" ")}`);
	if (values.dir === undefined || values.dir === "") throw badArguments("--dir is missing");
	for (const option of ["nodes", "api-servers"] as const) {
		if (values[option] !== undefined && name !== "up")
			throw badArguments(`--${option} does not go with ${name}`);
	}
	if ((values.name ?? values.group) !== undefined && name !== "user") {
		throw badArguments(`--name and --group do not go with ${name}`);
	}
	// npm changes to the folder of package.json; the person meant the one they are in.
	const dir = resolve(process.env.INIT_CWD ?? ".", values.dir);
	switch (name) {
		case "up": {
			const nodes = wholeNumber("nodes", values.nodes ?? "4", 1000);
			const apiServers = wholeNumber("api-servers", values["api-servers"] ?? "1", API_SERVERS.length);
			return { kind: "Up", dir, nodes, apiServers };
		}
		case "down":
			return { kind: "Down", dir };
		case "status":
			return { kind: "Status", dir };
		case "user":
			if (values.name === undefined || values.name === "") throw badArguments("--name is missing");
			return { kind: "User", dir, name: values.name, groups: values.group ?? [] };
		default:
			throw badArguments(`unknown command ${name}`);
	}
}

function wholeNumber(option: string, text: string, most: number): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < 1 || value > most) {
		throw badArguments(`--${option} must be a whole number from 1 to ${most}, not ${text}`);
	}
	return value;
}

function parseCommandLine(args: readonly string[]) {
	try {
		return parseArgs({
			args: [...args],
			allowPositionals: true,
			options: {
				dir: { type: "string" },
				nodes: { type: "string" },
				"api-servers": { type: "string" },
				name: { type: "string" },
				group: { type: "string", multiple: true },
			},
		});
	} catch (error) {
		if (error instanceof TypeError) throw badArguments(error.message);
		throw error;
	}
}

function badArguments(message: string): ClusterError {
	return new ClusterError("BadArguments", `${message}\n\n${USAGE}`);
}

async function up(files: ClusterFiles, nodes: number, apiServers: number): Promise<void> {
	try {
		const progress = displayProgress(process.stderr);
		const cluster = await startCluster({ dir: files.dir, nodes, apiServers, progress });
		await cluster.detach();
		console.error(`A cluster with ${nodes} nodes is running. To use it and to end it:`);
		console.error(`  export KUBECONFIG=${cluster.kubeconfig}`);
		console.error(`  alias kubectl=${cluster.kubectl}`);
		console.error(`  npm run cluster -- down --dir ${files.dir}`);
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "AlreadyRunning") throw error;
		console.error(`A cluster is already running in ${files.dir}.`);
	}
	console.log(files.kubeconfig);
}

async function down(files: ClusterFiles): Promise<void> {
	if (!holdsCluster(files)) throw new ClusterError("NotRunning", `There is no cluster in ${files.dir}.`);
	await endCluster(files);
	console.error(`The cluster in ${files.dir} has ended, and its files are removed.`);
}

function status(files: ClusterFiles): void {
	if (!isClusterRunning(files)) {
		const left = holdsCluster(files) ? " (an earlier one left files: `down` removes them)" : "";
		throw new ClusterError("NotRunning", `No cluster is running in ${files.dir}${left}.`);
	}
	console.log(`A cluster is running in ${files.dir} at ${openCluster(files.dir).servers.join(", ")}`);
	for (const [name, identity] of Object.entries(readProcesses(files)))
		console.log(`${identity.pid}\t${name}`);
}

async function run(command: Command): Promise<void> {
	const files = clusterFiles(command.dir);
	switch (command.kind) {
		case "Up":
			return up(files, command.nodes, command.apiServers);
		case "Down":
			return down(files);
		case "Status":
			return status(files);
		case "User":
			console.log(await openCluster(command.dir).kubeconfigFor(command));
	}
}

try {
	await run(parse(process.argv.slice(2)));
} catch (error) {
	if (!(error instanceof ClusterError)) throw error;
	console.error(error.message);
	process.exitCode = error.code === "BadArguments" ? 2 : 1;
}

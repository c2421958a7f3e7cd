import { join } from "node:path";
import {
	API_SERVERS,
	type ClusterFiles,
	type ClusterPorts,
	type ProgramName,
	type ServerName,
} from "./files.ts";

/**
 * Controllers for what there is not here: volumes, devices, certificates for kubelets, clouds. Each costs an
 * account and several requests at the start, which at 20 requests per second adds up to seconds.
 */
const IDLE_CONTROLLERS = [
	"certificatesigningrequest-approving-controller",
	"certificatesigningrequest-cleaner-controller",
	"certificatesigningrequest-signing-controller",
	"device-taint-eviction-controller",
	"endpointslice-mirroring-controller",
	"ephemeral-volume-controller",
	"legacy-serviceaccount-token-cleaner-controller",
	"persistentvolume-attach-detach-controller",
	"persistentvolume-binder-controller",
	"persistentvolume-expander-controller",
	"persistentvolume-protection-controller",
	"persistentvolumeclaim-protection-controller",
	"podcertificaterequest-cleaner-controller",
	"resourceclaim-controller",
	"service-cidr-controller",
	"storage-version-migrator-controller",
	"ttl-controller",
	"volumeattributesclass-protection-controller",
];

/** How to run one server. */
export type ServerCommand = { readonly command: string; readonly args: readonly string[] };

/** What the command lines depend on. */
export type ServerPlan = {
	readonly files: ClusterFiles;
	readonly ports: ClusterPorts;
	/** The folder of the built binaries. */
	readonly binaries: string;
	/** The folder of KWOK's stage files. */
	readonly stages: readonly string[];
	/** False lets etcd skip fsync: faster, and lost on a power cut. */
	readonly fsync: boolean;
	readonly controllerManagerRate: ControllerManagerRate;
	/** Appended last, so that they win over the flags here. Those of the API server are for each of them. */
	readonly extraFlags: Partial<Record<ProgramName, readonly string[]>>;
};

/** `Default` is what every cluster has (20 requests per second); `High` takes the limit out of the way. */
export type ControllerManagerRate = "Default" | "High";

export const SERVICE_RANGE = "10.0.0.0/24";
/** The first address of {@link SERVICE_RANGE}, by which pods reach the API server. */
export const SERVICE_ADDRESS = "10.0.0.1";
const ISSUER = "https://kubernetes.default.svc";

/** The command line of one server. Everything that listens does so on 127.0.0.1. */
export function serverCommand(plan: ServerPlan, server: ServerName): ServerCommand {
	const command = (program: ProgramName, args: readonly string[]): ServerCommand => ({
		command: join(plan.binaries, program),
		args: [...args, ...(plan.extraFlags[program] ?? [])],
	});
	switch (server) {
		case "etcd":
			return command(server, etcdFlags(plan));
		case "kube-apiserver":
		case "kube-apiserver-2":
		case "kube-apiserver-3":
			return command(
				"kube-apiserver",
				apiServerFlags(plan, plan.ports.apiServers[API_SERVERS.indexOf(server)]),
			);
		case "kube-controller-manager":
			return command(server, controllerManagerFlags(plan));
		case "kube-scheduler":
			return command(server, [`--config=${schedulerConfigFile(plan.files)}`, "--secure-port=0"]);
		case "kwok":
			return command(server, [
				`--kubeconfig=${kubeconfigOf(plan.files, "kwok")}`,
				"--manage-all-nodes",
				"--node-lease-duration-seconds=40",
				`--config=${kwokConfigFile(plan.files)}`,
				...plan.stages.map((file) => `--config=${file}`),
			]);
	}
}

/** Over TLS with client certificates of an authority of its own: an open etcd would lead past the API server. */
function etcdFlags({ files, ports, fsync }: ServerPlan): string[] {
	const client = `https://127.0.0.1:${ports.etcd}`;
	const peer = `https://127.0.0.1:${ports.etcdPeer}`;
	const certificate = join(files.pki, "etcd.crt");
	const key = join(files.pki, "etcd.key");
	const authority = join(files.pki, "etcd-ca.crt");
	return [
		"--name=etcd",
		`--data-dir=${files.data}`,
		`--listen-client-urls=${client}`,
		`--advertise-client-urls=${client}`,
		`--listen-peer-urls=${peer}`,
		`--initial-advertise-peer-urls=${peer}`,
		`--initial-cluster=etcd=${peer}`,
		`--cert-file=${certificate}`,
		`--key-file=${key}`,
		`--trusted-ca-file=${authority}`,
		"--client-cert-auth",
		`--peer-cert-file=${certificate}`,
		`--peer-key-file=${key}`,
		`--peer-trusted-ca-file=${authority}`,
		"--peer-client-cert-auth",
		...(fsync ? [] : ["--unsafe-no-fsync"]),
	];
}

function apiServerFlags({ files, ports }: ServerPlan, port: number | undefined): string[] {
	const pki = (name: string) => join(files.pki, name);
	return [
		`--etcd-servers=https://127.0.0.1:${ports.etcd}`,
		`--etcd-cafile=${pki("etcd-ca.crt")}`,
		`--etcd-certfile=${pki("etcd-client.crt")}`,
		`--etcd-keyfile=${pki("etcd-client.key")}`,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		// Endpoints may not hold loopback addresses, so nobody keeps those of the service `kubernetes`.
		"--endpoint-reconciler-type=none",
		`--secure-port=${port}`,
		`--tls-cert-file=${pki("kube-apiserver.crt")}`,
		`--tls-private-key-file=${pki("kube-apiserver.key")}`,
		`--client-ca-file=${pki("ca.crt")}`,
		"--anonymous-auth=false",
		"--authorization-mode=Node,RBAC",
		// As every distribution of Kubernetes has it.
		"--allow-privileged=true",
		`--service-cluster-ip-range=${SERVICE_RANGE}`,
		`--service-account-issuer=${ISSUER}`,
		`--service-account-key-file=${pki("tokens.pub")}`,
		`--service-account-signing-key-file=${pki("tokens.key")}`,
	];
}

function controllerManagerFlags({ files, controllerManagerRate }: ServerPlan): string[] {
	return [
		`--kubeconfig=${kubeconfigOf(files, "kube-controller-manager")}`,
		"--secure-port=0",
		"--leader-elect=false",
		"--use-service-account-credentials",
		`--controllers=*,${IDLE_CONTROLLERS.map((name) => `-${name}`).join(",")}`,
		`--service-account-private-key-file=${join(files.pki, "tokens.key")}`,
		`--root-ca-file=${join(files.pki, "ca.crt")}`,
		...(controllerManagerRate === "High" ? ["--kube-api-qps=2000", "--kube-api-burst=4000"] : []),
	];
}

/** KubeSchedulerConfiguration; its limits are lifted, so that placing pods is never what is measured. */
export function schedulerConfig(files: ClusterFiles): string {
	return JSON.stringify({
		apiVersion: "kubescheduler.config.k8s.io/v1",
		kind: "KubeSchedulerConfiguration",
		leaderElection: { leaderElect: false },
		clientConnection: { kubeconfig: kubeconfigOf(files, "kube-scheduler"), qps: 2000, burst: 4000 },
	});
}

/** KwokConfiguration. Four pods at a time are the usual, which a thousand of them would notice; the rest has to be said. */
export function kwokConfig(): string {
	return JSON.stringify({
		apiVersion: "config.kwok.x-k8s.io/v1alpha1",
		kind: "KwokConfiguration",
		options: {
			podPlayStageParallelism: 32,
			nodePlayStageParallelism: 4,
			nodeLeaseParallelism: 4,
			podsOnNodeSyncParallelism: 4,
		},
	});
}

export function schedulerConfigFile(files: ClusterFiles): string {
	return join(files.config, "kube-scheduler.json");
}

export function kwokConfigFile(files: ClusterFiles): string {
	return join(files.config, "kwok.json");
}

export function kubeconfigOf(files: ClusterFiles, name: string): string {
	return join(files.kubeconfigs, `${name}.kubeconfig`);
}

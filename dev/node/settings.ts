import { join } from "node:path";
import { pauseImage } from "./images.ts";

/** What the settings of one node depend on. */
export type NodePlan = {
	readonly name: string;
	/** From 1: its part of the pod network and its ports. */
	readonly index: number;
	/** Its files. */
	readonly folder: string;
	/** Its cgroup root: nodes that share one remove each other's pods. */
	readonly cgroup: string;
	/** The authority of client certificates. */
	readonly caFile: string;
};

/** All nodes and pods of an enclosure are on one bridge. */
export const bridge = { name: "nodes0", address: "10.88.0.1", prefix: "10.88" };

/** Where the parts of a node lie. */
export function nodeFiles(folder: string) {
	return {
		containerdConfig: join(folder, "containerd.toml"),
		containerdSocket: join(folder, "cd.sock"),
		networks: join(folder, "cni"),
		kubeletConfig: join(folder, "kubelet.json"),
		/** What is mounted over settings of the kernel. */
		kernel: join(folder, "kernel"),
		log: (program: string) => join(folder, `${program}.log`),
	};
}

/** The configuration of containerd (version 2 of its format, which 1.6 and 2.x read). */
export function containerdConfig({ folder }: NodePlan): string {
	const files = nodeFiles(folder);
	const unused = [
		...["btrfs", "zfs", "aufs", "devmapper"].map((name) => `io.containerd.snapshotter.v1.${name}`),
		"io.containerd.tracing.processor.v1.otlp",
		"io.containerd.internal.v1.tracing",
	];
	const text = JSON.stringify;
	return `version = 2
root = ${text(join(folder, "containerd"))}
state = ${text(join(folder, "state"))}
disabled_plugins = ${text(unused)}
[grpc]
address = ${text(files.containerdSocket)}
[plugins."io.containerd.internal.v1.opt"]
path = ${text(join(folder, "opt"))}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = ${text(pauseImage)}
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = ${text(files.networks)}
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = ${text(join(folder, "runc"))}
`;
}

/** The network of pods: one bridge, no masquerading, so that nothing of it leads out. */
export function networkConfig({ name, index, folder }: NodePlan): string {
	const { prefix, address } = bridge;
	return JSON.stringify({
		cniVersion: "0.4.0",
		name,
		plugins: [
			{
				type: "bridge",
				bridge: bridge.name,
				isGateway: false,
				ipMasq: false,
				ipam: {
					type: "host-local",
					dataDir: join(folder, "addresses"),
					routes: [{ dst: "0.0.0.0/0", gw: address }],
					ranges: [
						[
							{
								subnet: `${prefix}.0.0/16`,
								rangeStart: `${prefix}.${index}.2`,
								rangeEnd: `${prefix}.${index}.250`,
								gateway: address,
							},
						],
					],
				},
			},
		],
	});
}

/** The configuration of the kubelet. */
export function kubeletConfig({ index, folder, cgroup, caFile }: NodePlan): string {
	const port = 10_250 + 10 * index;
	return JSON.stringify({
		apiVersion: "kubelet.config.k8s.io/v1beta1",
		kind: "KubeletConfiguration",
		address: bridge.address,
		port,
		healthzBindAddress: "127.0.0.1",
		healthzPort: port + 1,
		readOnlyPort: 0,
		authentication: {
			anonymous: { enabled: false },
			webhook: { enabled: false },
			x509: { clientCAFile: caFile },
		},
		authorization: { mode: "AlwaysAllow" },
		containerRuntimeEndpoint: `unix://${nodeFiles(folder).containerdSocket}`,
		volumePluginDir: join(folder, "plugins"),
		podLogsDir: join(folder, "logs"),
		cgroupDriver: "cgroupfs",
		cgroupRoot: `/${cgroup}`,
		failCgroupV1: false,
		failSwapOn: false,
		// Short, so that a silent node is noticed in seconds; the controller manager needs settings that go with it.
		nodeLeaseDurationSeconds: 4,
		nodeStatusUpdateFrequency: "1s",
		enforceNodeAllocatable: ["pods"],
		makeIPTablesUtilChains: false,
		maxOpenFiles: 4096,
		// Images that were removed could not be fetched again.
		imageGCHighThresholdPercent: 100,
		imageGCLowThresholdPercent: 99,
		evictionHard: {
			"memory.available": "100Mi",
			"nodefs.available": "0%",
			"nodefs.inodesFree": "0%",
			"imagefs.available": "0%",
			"imagefs.inodesFree": "0%",
		},
		registryPullQPS: 0,
		serializeImagePulls: false,
		resolvConf: "",
		shutdownGracePeriod: "0s",
		crashLoopBackOff: { maxContainerRestartPeriod: "2s" },
		featureGates: { KubeletCrashLoopBackOffMax: true },
	});
}

/** For nodes whose silence is to be noticed in seconds. */
export const controllerManagerFlags: readonly string[] = [
	"--node-monitor-grace-period=6s",
	"--node-monitor-period=1s",
];

/** A kubelet may change its own node and the pods on it, and nothing else. */
export const apiServerFlags: readonly string[] = ["--enable-admission-plugins=NodeRestriction"];

import type { Pod } from "../core/observed.ts";

/** Where the gate of a pod is reached: scheme, address and port. Undefined where it has no address yet. */
export type Resolve = (pod: Pod, port: number) => string | undefined;

/** As kubelets say. */
export const podAddress: Resolve = ({ address }, port) =>
	address === undefined ? undefined : `http://${address.includes(":") ? `[${address}]` : address}:${port}`;

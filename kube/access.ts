import type { Tls } from "./pools.ts";

/** Where an API server is, and what makes the caller known to it, as of now. */
export type Access = {
	readonly server: URL;
	readonly tls: Tls;
	/** Sent with every request. */
	readonly headers: Readonly<Record<string, string>>;
};

/** Credentials that may be replaced while they are used. */
export type AccessSource = {
	/** The present ones. @throws KubeError `CONFIG` where there are none */
	readonly present: () => Promise<Access>;
	/** Said when they were refused: the next present ones may not be remembered ones. */
	readonly renew: () => void;
};

/**
 * Flags of Node.js to run a replica with: a small young generation keeps its resident memory below 200 MB, and
 * its pauses short. They cannot be set once Node.js runs.
 */
export const nodeFlags: readonly string[] = ["--max-semi-space-size=2"];

/**
 * Flags of Node.js that replicas of the operator are run with, as the README says: a small young generation keeps
 * the resident memory of one below 200 MB. They cannot be set once Node.js runs.
 */
export const nodeFlags: readonly string[] = ["--max-semi-space-size=2"];

import { DatabaseSync } from "node:sqlite";
import { AuditError, messageOf } from "../error.ts";

/**
 * Holds a file for this process alone until it is let go or the process ends, however that is. The lock is SQLite's (POSIX
 * advisory locks, https://sqlite.org/lockingv3.html): Node.js has none of its own. Throws `SPOOL` when another process has it.
 */
export function lockFile(path: string): { readonly release: () => void } {
	let database: DatabaseSync | undefined;
	try {
		database = new DatabaseSync(path);
		// The transaction stays open: nothing is written and nothing synced, since this call blocks whoever makes it.
		database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
	} catch (cause) {
		database?.close();
		throw new AuditError(
			"SPOOL",
			`${path} cannot be locked: ${messageOf(cause)}. Does another process write to this spool? Give each a folder of its own`,
			{ cause },
		);
	}
	const held = database;
	return { release: () => held.close() };
}

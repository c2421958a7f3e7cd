import { AuditError } from "../error.ts";

/** How to call it. */
export const usage = `usage: tradingsafety-audit COMMAND [options]

Reads a trail out of a folder or a bucket. It needs no cluster and none of our servers.

  verify                all of it: hashes, order, signatures, clocks, counters, every object (--level)
  show N                entry N, as it was signed
  prove N               verifies entry N alone, and writes it, its bundle, and how to check it without this program
  timeline              a line for each entry
  who NAME              entries by this actor
  gaps                  what each writer has written, and what is missing
  at TIME               the last state of each thing at that time
  report                for an auditor: --from, --to (all of it), --format html, csv or ndjson (html)
  export DIR            fetches the trail of a bucket into a folder: the rounds that had ended when it began
  doctor                tries whether a bucket is immutable; leaves small objects there that nobody can delete for a minute
  keys DIR              makes a key for entries and one for checkpoints

keys: KEY is the path of a private key (PEM), or a key in a token (pkcs11:...), see docs/audit-keys.md
  public KEY            prints its public key
  offer KEY             prints what offers this key to the log --origin: for add-key, where another key of the log is
  add-key FILE          writes the entry that adds the key that FILE offers
  revoke-key FILE       writes the entry that revokes the key of which FILE is the public one, PEM
  --signer KEY          signs that entry: a key that may sign in this log
  --record-to URL       the process that keeps the trail; of verify as well, with --signer and --spool: what came out is recorded
  --spool DIR           folder of its own, for the entry until the log has it; gone afterwards
  --justification TEXT  why
  --not-after TIME      the offered key signs nothing that says a later time
  --from-index N        from which entry on the key is revoked (behind the entry that says so)

where the trail is
  --trail DIR           a folder with the objects of the bucket
  --bucket NAME         a bucket; credentials as usual (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
  --endpoint URL        of a store that is not Amazon's
  --region NAME         (us-east-1)

what is trusted (from somebody you trust, not from the trail)
  --origin NAME         the name of the log
  --log-key FILE        public key of its checkpoints, PEM; once for each
  --entry-key FILE      public key of its first entries, PEM; once for each
  --witness VKEY        verifier key of a witness; once for each
  --require-witness N   so many of them must have signed (0)
  --checkpoint FILE     a checkpoint that was kept: the trail must have grown from it; once for each
  --as-of TIME          when it was fetched: writers must have been heard of up to then
  --level LEVEL         of verify: signatures (all of it), or hashes: that nothing has changed since the log signed it, and
                        nothing of signatures, clocks, counters and what entries say (signatures)
  --deep                ask the bucket about versions, delete markers and locks of each object as well
  --retention SECONDS   objects must be locked for so long from now on

  --out DIR             where prove writes (.)
  -o json               for machines; not of report, prove, export and keys

TIME is like 2026-01-31T12:00:00Z, with its zone, or like 2026-01-31, which is 00:00 UTC of that day.

It ends with 0 when all is well, 1 when it could not be found out, 2 when it was asked wrongly, and with a code of its own
for each kind of tampering: see docs/audit.md.`;

/** Wrong use, with where to read on. */
export function usageError(why: string, cause?: unknown): AuditError {
	return new AuditError("USAGE", `${why} (tradingsafety-audit --help)`, { cause });
}

import { Spool } from "../../../audit/spool/spool.ts";
import { entryOf, signed, signerFor } from "../entries.ts";

// node appender.ts DIR: appends for ever, and prints each counter once it is promised to be durable.

const [dir = ""] = process.argv.slice(2);
const signer = signerFor("Entries");
const spool = await Spool.open(dir);
const work = async () => {
	for (;;) {
		const counter = await spool.append(({ epoch, counter }) =>
			signed(signer, entryOf(counter, { writer: { id: "appender", epoch, counter } })),
		);
		process.stdout.write(`${spool.epoch} ${counter}\n`);
	}
};
await Promise.all([work(), work(), work()]);

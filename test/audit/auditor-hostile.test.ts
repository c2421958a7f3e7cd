import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { auditorFolder, blocks, script } from "./auditor-folder.ts";
import { entryOf, origin, signed, signerFor } from "./entries.ts";

// Whoever can write to the bucket wants the auditor to run a command, or to read OK.

const blockWith = (words: string) => blocks.find((block) => block.includes(words)) ?? "exit 9";

/** Four entries in three rounds, the last of which says that it is of another log where that is asked. */
async function given(t: ExecutionContext, lastOf = origin) {
	const [first, second, signer] = [signerFor("Entries"), signerFor("Entries"), signerFor("Checkpoints")];
	const store = new MemoryStore();
	const keys = initialKeys([first.publicKey, second.publicKey]);
	const sequencer = await Sequencer.open({ store, origin: lastOf, signer, keys });
	for (const some of [[0], [1, 2], [3]]) {
		await sequencer.append(await Promise.all(some.map((at) => signed(first, entryOf(at, { log: lastOf })))));
	}
	const { folder, write, read } = auditorFolder(t, store, {
		entries: [first.publicKey, second.publicKey],
		log: signer.publicKey,
	});
	return {
		folder,
		write,
		read,
		other: second.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
		edit: (name: string, change: (text: string) => string) => write(name, change(read(name))),
		remove: (name: string) => rmSync(join(folder, name), { recursive: true }),
	};
}
type Place = Awaited<ReturnType<typeof given>>;

function bash(folder: string, ...args: readonly string[]) {
	return new Promise<{ readonly code: number; readonly output: string }>((resolve) =>
		execFile("bash", args, { cwd: folder }, (error, out, err) =>
			resolve({ code: error === null ? 0 : Number(error.code), output: out + err }),
		),
	);
}
const check = (folder: string, ...indexes: readonly string[]) =>
	bash(folder, script, "trail", origin, "entry-keys.pem", "log-keys.pem", ...indexes);

const commands = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("PWN"));

/** Bundle of the only entry of the last round. */
const last = "trail/bundle/000000000003.ndjson";
const sed = ".*|touch PWN|e;#";

/** What is done to the trail, and what is told of it. */
const injections: Readonly<Record<string, readonly [RegExp, (place: Place) => void]>> = {
	"the first line of a checkpoint": [
		/checkpoint 3: it is of another log/,
		({ edit }) => edit("trail/checkpoint/000000000003", (text) => text.replace(origin, sed)),
	],
	"the first line of the checkpoint in a bundle": [
		/entry 3: its checkpoint is of another log/,
		({ edit }) => edit(last, (text) => text.replace(`"envelope":"${origin}`, `"envelope":"${sed}`)),
	],
	"the size of a tree": [
		/entry 3: the size of its tree is wrong|entry 3: its JSON/,
		({ edit }) => edit(last, (text) => text.replace('"treeSize":"4"', '"treeSize":"index[$(touch PWN)]+4"')),
	],
	"the index in a bundle": [
		/entry 3: this is the bundle of another entry|entry 3: its JSON/,
		({ edit }) => edit(last, (text) => text.replaceAll('"logIndex":"3"', '"logIndex":"a[$(touch PWN)]+3"')),
	],
	"the name of a batch": [
		/batch\/0\+failed.*: no trail has this/,
		({ write }) => {
			write("trail/batch/0+failed[$(touch PWN)].tsv", "\n");
			write("trail/bundle/0+failed[$(touch PWN)].ndjson", "\n");
		},
	],
	"the name of a checkpoint": [
		/checkpoint\/1\+failed.*: no trail has this/,
		({ write }) => write("trail/checkpoint/1+failed[$(touch PWN)]", ""),
	],
};
for (const [what, [words, spoil]] of Object.entries(injections)) {
	test(`no command is run out of ${what}`, async (t) => {
		t.timeout(300_000);
		const place = await given(t);
		// Given somebody who can write to the bucket
		spoil(place);
		// When all is checked, and when one entry is
		const all = await check(place.folder);
		await check(place.folder, "3");
		// Then it is told, and nothing has run
		t.deepEqual(commands(place.folder), []);
		t.is(all.code, 1, all.output);
		t.regex(all.output, words);
	});
}

/** What is done to the trail, and what is told of it where all is checked. */
const lies: Readonly<Record<string, readonly [RegExp, (place: Place) => void]>> = {
	"a signature in a line is another": [
		/entry 3: its line holds another signature than its bundle/,
		({ edit }) => edit("trail/batch/000000000003.tsv", (text) => text.replace(/\t\w{4}/, "\tAAAA")),
	],
	"a key in a line is another that is trusted": [
		/entry 3: its signature is wrong/,
		({ edit, other }) =>
			edit("trail/batch/000000000003.tsv", (text) => text.replace(/[^\t]+\n$/, `${other}\n`)),
	],
	"a line has a fourth column": [
		/entry 3: its line is not an entry, a signature and a key/,
		({ edit }) => edit("trail/batch/000000000003.tsv", (text) => text.replace(/\n$/, "\tAAAA\n")),
	],
	"an entry without an end is behind the last line": [
		/batch 000000000003: .* not whole lines/,
		({ edit }) => edit("trail/batch/000000000003.tsv", (text) => `${text}{"kind":"Reset"}`),
	],
	"a byte that bash drops is in an entry": [
		/batch 000000000003: .* not whole lines of text/,
		({ edit }) => edit("trail/batch/000000000003.tsv", (text) => text.replace("raise", "ra\0ise")),
	],
	"a checkpoint in the middle is deleted": [
		/checkpoint 3: it is missing/,
		({ remove }) => remove("trail/checkpoint/000000000003"),
	],
	"all tiles are deleted": [
		/manifest 1: objects that it lists are missing, or others/,
		({ remove }) => remove("trail/tile"),
	],
	"a tile is another": [
		/tile\/0\/000\.p\/3: FAILED/,
		({ write }) => write("trail/tile/0/000.p/3", Buffer.alloc(96)),
	],
	"all manifests are deleted": [/manifest 1: it is missing/, ({ remove }) => remove("trail/manifest")],
	"a manifest lists what the log did not sign": [
		/manifest 3: no key of the log has signed it/,
		({ edit }) =>
			edit("trail/manifest/000000000003", (text) => text.replace("tile/0/000.p/3", "../../../etc/passwd")),
	],
	"a manifest is that of another round": [
		/manifest 3: it is not that of these entries/,
		({ read, write }) => write("trail/manifest/000000000003", read("trail/manifest/000000000004")),
	],
	"there is a checkpoint too many": [
		/1 objects are there that no manifest lists/,
		({ read, write }) => write("trail/checkpoint/000000000002", read("trail/checkpoint/000000000003")),
	],
	"there is nothing at all": [
		/there are no entries/,
		({ folder, remove }) => {
			remove("trail");
			mkdirSync(join(folder, "trail/batch"), { recursive: true });
		},
	],
};
for (const [what, [words, spoil]] of Object.entries(lies)) {
	test(`nothing is OK where ${what}`, async (t) => {
		t.timeout(300_000);
		// Given
		const place = await given(t);
		spoil(place);
		// When
		const { code, output } = await check(place.folder);
		// Then
		t.is(code, 1, output);
		t.regex(output, words);
	});
}

test("an index that is not there is told, and one that is no number is not asked for", async (t) => {
	// Given
	const { folder } = await given(t);
	// When, then
	t.like(await check(folder, "99"), { code: 1, output: "entry 99: it is not there\n" });
	const both = await check(folder, "99", "2");
	t.is(both.code, 1);
	t.is(both.output, `entry 99: it is not there\nentry 2: OK, one of 3 of ${origin}\n`);
	for (const wrong of ["one", "", "-1", "02", "a[$(touch PWN)]", "9999999999999999"]) {
		const { code, output } = await check(folder, "2", wrong);
		t.is(code, 2, wrong);
		t.regex(output, /an INDEX is no number; usage/);
	}
	t.deepEqual(commands(folder), []);
});

test("a good trail of another log is not that of this one", async (t) => {
	// Given a log with another name, and the same keys
	const { folder } = await given(t, "other.example");
	// When
	const { code, output } = await check(folder);
	// Then
	t.is(code, 1);
	t.regex(output, /^entry 0: it is of another log\n/);
	t.regex(output, /checkpoint 1: it is of another log/);
	t.notRegex(output, /OK/);
});

test("what a terminal obeys is not printed", async (t) => {
	// Given names and entries that clear the screen
	const { folder, write, edit } = await given(t);
	const obeyed = "\u001b[2J\u009b2J\u202e";
	write(`trail/checkpoint/${obeyed}`, "");
	edit(last, (text) => text.replace('"treeSize":"4"', '"treeSize":"\\u001b[2J"'));
	const evil = JSON.stringify({ ...entryOf(9), kind: "KeyAdded", justification: obeyed });
	write("trail/batch/000000000004.tsv", `${evil.replace('"operator"', '"\\u001b[2J"')}\tAAAA\tAAAA\n`);
	// When
	const said = [
		await check(folder),
		await check(folder, "3"),
		...(await Promise.all(
			[".action, .actor.name", "MISSING", "KeyRevoked"].map((words) => bash(folder, "-c", blockWith(words))),
		)),
	];
	// Then
	for (const { output } of said) {
		t.not(output, "");
		t.notRegex(output, /[^\P{C}\t\n]/u);
	}
});

test("the page takes a batch by its number, and runs nothing out of its name", async (t) => {
	// Given
	const { folder, read, write } = await given(t);
	write("kept", "what I saw");
	write("trail/batch/1+N[`>kept`].tsv", "\n");
	// When
	await bash(folder, "-c", `N=3\n${blockWith(">entry.json")}`);
	// Then
	t.is(read("kept"), "what I saw");
	t.is(JSON.parse(read("entry.json")).writer.counter, 3);
});

test("the page keeps what was kept where the trail does not have it", async (t) => {
	// Given
	const { folder, read, write } = await given(t);
	const block = blockWith("cmp kept");
	write("trail/checkpoint/zzz", "no checkpoint");
	for (const second of ["4", "../../kept", "a[$(touch PWN)]", "", "-1"]) {
		const kept = `${origin}\n${second}\nAAAA\n`;
		write("kept", kept);
		// When
		const { code } = await bash(folder, "-c", block);
		// Then
		t.is(code, 1, second);
		t.is(read("kept"), kept);
	}
	// And on the first visit the newest is kept
	write("kept", "");
	t.is((await bash(folder, "-c", block)).code, 0);
	t.is(read("kept"), read("trail/checkpoint/000000000004"));
	t.deepEqual(commands(folder), []);
});

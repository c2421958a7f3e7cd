import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Which folders a folder may import. Imports point downwards only. */
const allowed: Readonly<Record<string, readonly string[]>> = {
	crds: [],
	kube: [],
	// Of use without this product.
	audit: [],
	core: ["crds"],
	permits: ["crds"],
	clients: ["permits"],
	gates: ["core", "crds", "permits"],
	trail: ["audit", "core", "crds", "kube"],
	operator: ["audit", "core", "crds", "gates", "kube", "permits"],
	sidecar: ["audit", "core", "crds", "gates", "kube", "permits"],
	// Its operator for nodes that are played is the real one with another address book.
	dev: ["audit", "core", "crds", "gates", "kube", "operator", "permits", "sidecar", "trail"],
};

/** Modules that do I/O or read a clock: decisions have none of it. */
const impure =
	/^(node:(fs|net|http|https|child_process|timers|os|process|worker_threads|dns|tls)|undici|pino|prom-client|@kubernetes)/;

function sources(folder: string): readonly string[] {
	return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".ts"))
		.map((name) => join(folder, name));
}

function imports(file: string): readonly string[] {
	const text = readFileSync(join(root, file), "utf8");
	return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

for (const [folder, below] of Object.entries(allowed)) {
	test(`${folder}/ imports only ${["itself", ...below].join(", ")}`, (t) => {
		const files = sources(folder);
		t.true(files.length > 0);
		const strangers = files.flatMap((file) =>
			imports(file)
				.filter((name) => name.startsWith("."))
				.map((name) => relative(root, resolve(root, dirname(file), name)).split("/")[0] ?? "")
				.filter((top) => top !== folder && !below.includes(top))
				.map((top) => `${file} imports ${top}/`),
		);
		t.deepEqual(strangers, []);
	});
}

test("core/ and sidecar/devices/ do no I/O and read no clock", (t) => {
	const found = ["core", "sidecar/devices"].flatMap(sources).flatMap((file) => {
		const text = readFileSync(join(root, file), "utf8");
		const modules = imports(file).filter((name) => impure.test(name));
		const clocks =
			text.match(/Date\.now|new Date\(\)|performance\.now|process\.|setTimeout|Math\.random/g) ?? [];
		return [...modules, ...clocks].map((name) => `${file}: ${name}`);
	});
	t.deepEqual(found, []);
});

/** What a program loads at its start, or at any time: files, and names of packages. */
function loadedBy(program: string, when: "Start" | "AnyTime"): ReadonlySet<string> {
	const loaded = new Set<string>();
	const take = (file: string, name: string) => {
		if (name.startsWith(".")) load(relative(root, resolve(root, dirname(file), name)));
		else loaded.add(name);
	};
	const load = (file: string) => {
		if (loaded.has(file)) return;
		loaded.add(file);
		const text = readFileSync(join(root, file), "utf8");
		for (const [, name = ""] of text.matchAll(
			/^(?:import|export|\} from)\b(?!.*\btype \{)[^;]*?"([^"]+)";/gm,
		)) {
			take(file, name);
		}
		const later = when === "AnyTime" ? text.matchAll(/\bimport\("([^"]+)"\)/g) : [];
		for (const [, name = ""] of later) take(file, name);
	};
	load(program);
	return loaded;
}

test("a replica in a pod does not load client-node", (t) => {
	const loaded = loadedBy("operator/main.ts", "Start");
	t.true(loaded.has("kube/connection.ts") && loaded.has("undici"));
	t.false(loaded.has("@kubernetes/client-node"));
});

test("a sidecar loads neither an object store nor a library for schemas", (t) => {
	const loaded = loadedBy("sidecar/main.ts", "AnyTime");
	t.true(loaded.has("audit/writer.ts") && loaded.has("audit/spool/spool.ts"));
	const heavy = [...loaded].filter((name) => /^(@aws-sdk|@smithy|typebox|audit\/store\/s3)/.test(name));
	t.deepEqual(heavy, []);
});

test("no source file is longer than 350 lines", (t) => {
	const long = [...Object.keys(allowed), "test"]
		.flatMap(sources)
		.map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length }))
		.filter(({ lines }) => lines > 350);
	t.deepEqual(long, []);
});

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { ClusterError } from "../../dev/cluster/errors.ts";
import { identify } from "../../dev/cluster/processes.ts";
import { buildKey, defaultCacheFolder, ensureToolchain } from "../../dev/cluster/toolchain.ts";
import { until } from "../support/until.ts";

const TOOLCHAIN = new URL("../../dev/cluster/toolchain.ts", import.meta.url);
const MODULE_FOLDER = fileURLToPath(new URL("../../dev/cluster", import.meta.url));

const folders: string[] = [];
const children: ChildProcess[] = [];
test.after.always("nothing is left", () => {
	for (const child of children) child.kill("SIGKILL");
	for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A go command in shell that "builds" at once; `install` is the script of its build step. */
function fakeGo(options: { readonly version?: string; readonly install?: string } = {}) {
	const folder = mkdtempSync(join(tmpdir(), "tradingsafety-go-"));
	folders.push(folder);
	const bin = join(folder, "bin");
	const cacheFolder = join(folder, "cache");
	const builds = join(folder, "builds");
	mkdirSync(bin);
	writeFileSync(builds, "");
	const tools = "server kube-apiserver kube-controller-manager kube-scheduler kubectl kwok";
	writeFileSync(
		join(bin, "go"),
		`#!/bin/sh
[ -z "$GOFLAGS" ] || { echo "GOFLAGS reached go" >&2; exit 1; }
case "$1" in
env) echo "${options.version ?? "go1.26.0"}" ;;
list) echo "go: downloading example.com/one v1.0.0" >&2; echo one; echo two ;;
install)
	echo started >> "${builds}"
	echo example.com/one >&2
	${options.install ?? ""}
	for tool in ${tools}; do echo built > "$GOBIN/$tool"; done ;;
esac
`,
	);
	chmodSync(join(bin, "go"), 0o755);
	return {
		folder,
		cacheFolder,
		env: { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, GOFLAGS: "-mod=mod -trimpath" },
		lock: join(cacheFolder, `${buildKey()}.lock`),
		buildCount: () => readFileSync(builds, "utf8").split("\n").length - 1,
	};
}

test("the servers are built once, and found without go afterwards", async (t) => {
	// Given an empty cache and a go
	const go = fakeGo();
	const steps: string[] = [];
	const progress = { report: (what: string, far = "") => steps.push(`${what}: ${far}`), finish: () => {} };
	// When they are asked for, and again on a machine without go
	const first = await ensureToolchain({ ...go, progress });
	const second = await ensureToolchain({ ...go, env: { PATH: "" } });
	// Then there was one build, told in steps, and only it is in the cache
	t.is(second, first);
	t.is(go.buildCount(), 1);
	t.true(existsSync(join(first, "etcd")));
	t.true(steps.some((step) => step.endsWith("1 modules downloaded")));
	t.true(steps.some((step) => step.endsWith("1 of 2 packages")));
	t.deepEqual(readdirSync(go.cacheFolder), [buildKey()]);
});

test("of two at once one builds and the other waits", async (t) => {
	// Given an empty cache
	const go = fakeGo();
	// When two ask at the same time
	const folders = await Promise.all([ensureToolchain(go), ensureToolchain(go)]);
	// Then both get the one build
	t.is(folders[0], folders[1]);
	t.is(go.buildCount(), 1);
});

test("a lock whose owner died, or whose number belongs to another process now, is taken over", async (t) => {
	for (const owner of [
		{ pid: 2 ** 22 + 1, startedAt: "1" },
		{ pid: process.pid, startedAt: "1" },
	]) {
		// Given a lock that nobody holds any more
		const go = fakeGo();
		mkdirSync(go.cacheFolder);
		writeFileSync(go.lock, JSON.stringify(owner));
		// When the servers are asked for
		await ensureToolchain(go);
		// Then they are built and the lock is gone
		t.deepEqual(readdirSync(go.cacheFolder), [buildKey()]);
	}
});

test("a lock whose owner lives is respected", async (t) => {
	// Given a lock held by a process that lives
	const go = fakeGo();
	const other = spawn("cat", { stdio: ["pipe", "ignore", "ignore"] });
	children.push(other);
	await once(other, "spawn");
	mkdirSync(go.cacheFolder);
	writeFileSync(go.lock, JSON.stringify(identify(other.pid ?? 0)));
	const waits: string[] = [];
	// When the servers are asked for, twice told to wait, and the owner dies
	const progress = { report: (what: string) => waits.push(what), finish: () => {} };
	const asked = ensureToolchain({ ...go, progress });
	await until("it waited", () => waits.length > 1);
	const buildsBefore = go.buildCount();
	other.kill("SIGKILL");
	await asked;
	// Then it was built only after that
	t.is(buildsBefore, 0);
	t.is(go.buildCount(), 1);
	t.true(waits[0]?.includes(String(other.pid)));
});

test("a killed build leaves nothing that a later one trips over", async (t) => {
	// Given a build in another process, killed half-way
	const go = fakeGo({ install: `cat "$GATE" > /dev/null` });
	const gate = join(go.folder, "gate");
	spawnSync("mkfifo", [gate]);
	const script = `import { ensureToolchain } from ${JSON.stringify(TOOLCHAIN.href)};
		await ensureToolchain(${JSON.stringify({ cacheFolder: go.cacheFolder })});`;
	const builder = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
		env: { ...go.env, GATE: gate },
		stdio: "ignore",
	});
	children.push(builder);
	await until("the build has begun", () => go.buildCount() === 1);
	const left = readdirSync(go.cacheFolder);
	builder.kill("SIGKILL");
	await once(builder, "exit");
	t.is(left.length, 2, `a lock and an unfinished build: ${left}`);
	// When the servers are asked for again
	const good = fakeGo();
	await ensureToolchain({ ...good, cacheFolder: go.cacheFolder });
	// Then they are built, and what the killed build left is gone
	t.deepEqual(readdirSync(go.cacheFolder), [buildKey()]);
	writeFileSync(gate, "");
});

test("a failed build says what go said and leaves the cache empty", async (t) => {
	// Given a go whose build fails
	const go = fakeGo({ install: `echo "one.go:1: syntax error" >&2; exit 1` });
	// When the servers are asked for
	const error = await t.throwsAsync(ensureToolchain(go), { instanceOf: ClusterError });
	// Then the reason is there and nothing else
	t.is(error?.code, "BuildFailed");
	t.true(error?.message.includes("one.go:1: syntax error"));
	t.deepEqual(readdirSync(go.cacheFolder), []);
});

test("an old or missing Go gets one line that says what to install", async (t) => {
	// Given a machine with an old Go, one with a far newer one, and one without
	const old = fakeGo({ version: "go1.22.3" });
	const future = fakeGo({ version: "go2.1" });
	const none = { cacheFolder: old.cacheFolder, env: { PATH: old.folder } };
	// When the servers are asked for
	const tooOld = await t.throwsAsync(ensureToolchain(old), { instanceOf: ClusterError });
	const missing = await t.throwsAsync(ensureToolchain(none), { instanceOf: ClusterError });
	await ensureToolchain(future);
	// Then each of the first two gets its line
	t.is(tooOld?.code, "GoTooOld");
	t.is(
		tooOld?.message,
		"Go 1.26 or newer is needed once, to build the Kubernetes servers (found 1.22.3): see https://go.dev/doc/install",
	);
	t.is(missing?.code, "GoMissing");
	t.is(
		missing?.message,
		"Go 1.26 or newer is needed once, to build the Kubernetes servers (found none): see https://go.dev/doc/install",
	);
});

test("the key of a build changes with the module files", (t) => {
	// Given the module files, and a copy with one more line
	const copy = mkdtempSync(join(tmpdir(), "tradingsafety-go-"));
	folders.push(copy);
	for (const name of ["go.mod", "go.sum"]) {
		writeFileSync(join(copy, name), readFileSync(join(MODULE_FOLDER, name)));
	}
	const same = buildKey(copy);
	writeFileSync(join(copy, "go.sum"), "\n", { flag: "a" });
	// When keys are made, then only the changed one differs
	t.is(same, buildKey());
	t.not(buildKey(copy), same);
});

test("the cache lies where XDG says, if that is absolute", (t) => {
	// Given a person's settings, when the folder is asked for, then only an absolute one is followed
	t.is(defaultCacheFolder({ XDG_CACHE_HOME: "/var/cache/me" }), "/var/cache/me/tradingsafety");
	t.true(defaultCacheFolder({ XDG_CACHE_HOME: "relative" }).endsWith("/.cache/tradingsafety"));
	t.true(defaultCacheFolder({}).endsWith("/.cache/tradingsafety"));
});

import test from "ava";
import { compareResourceVersions, microTime } from "../../kube/object.ts";
import { parsePath, pathOf, resourceLabel } from "../../kube/paths.ts";

test("paths are built and read back", (t) => {
	// Given resources of every shape, and the paths of the Kubernetes API concepts.
	const core = { group: "", version: "v1" };
	const cases = [
		[{ ...core, resource: "pods" }, "/api/v1/pods"],
		[{ ...core, resource: "namespaces", name: "desk" }, "/api/v1/namespaces/desk"],
		[{ ...core, resource: "pods", namespace: "desk" }, "/api/v1/namespaces/desk/pods"],
		[{ ...core, resource: "pods", namespace: "desk", name: "a" }, "/api/v1/namespaces/desk/pods/a"],
		[
			{
				group: "apps",
				version: "v1",
				resource: "deployments",
				namespace: "d",
				name: "b",
				subresource: "scale",
			},
			"/apis/apps/v1/namespaces/d/deployments/b/scale",
		],
	] as const;
	for (const [resource, path] of cases) {
		// When each is made a path and read back, then both agree.
		t.is(pathOf(resource), path);
		t.like(parsePath(path), resource);
	}
	t.is(resourceLabel("/apis/apps/v1/namespaces/d/deployments/b/scale"), "deployments/scale");
	t.is(parsePath("/readyz"), undefined);
});

test("no name reaches another path", (t) => {
	// Given names that try.
	const of = (name: string) =>
		pathOf({ group: "", version: "v1", resource: "pods", namespace: "desk", name });
	// When paths are made, then they are escaped or refused.
	t.is(of("a/../../secrets"), "/api/v1/namespaces/desk/pods/a%2F..%2F..%2Fsecrets");
	t.is(of("a?x=1#y"), "/api/v1/namespaces/desk/pods/a%3Fx%3D1%23y");
	t.throws(() => of(".."));
	t.throws(() => of(""));
});

test("resource versions are ordered as integers of any size, and otherwise only equal or not", (t) => {
	// Given versions, when compared, then decimal ones are ordered.
	t.true((compareResourceVersions("9", "10") ?? 0) < 0);
	t.true((compareResourceVersions("18446744073709551617", "18446744073709551616") ?? 0) > 0);
	t.is(compareResourceVersions("7", "7"), 0);
	// And others are not.
	t.is(compareResourceVersions("abc", "abd"), undefined);
	t.is(compareResourceVersions("007", "8"), undefined);
	t.is(compareResourceVersions("abc", "abc"), 0);
});

test("MicroTime has six digits", (t) => {
	// Given a moment, when written, then with microseconds.
	t.is(microTime(new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 67))), "2026-01-02T03:04:05.067000Z");
});

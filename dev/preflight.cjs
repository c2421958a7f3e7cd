// Runs on any Node, so that an old one gets one clear line instead of a syntax error. CommonJS and ES5 on purpose.
var found = process.versions.node;
var major = Number(found.split(".")[0]);
var installing = process.argv[2] === "install";

function refuse(need, advice) {
	console.error("%s (found %s): %s", need, found, advice);
	process.exit(1);
}

if (installing && major < 20) {
	refuse("Node.js 20 or newer is needed to install tradingsafety", "see https://nodejs.org");
}
if (!installing && major < 24) {
	refuse("The project's own Node.js 24 is not in node_modules", "run `npm ci` first");
}

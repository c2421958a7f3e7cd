// Runs on any Node, so that an old one gets one clear line instead of a syntax error. CommonJS and ES5 on purpose.
var found = process.versions.node;
var major = Number(found.split(".")[0]);
var installing = process.argv[2] === "install";
if (installing && major < 20) {
	console.error(
		"tradingsafety needs Node.js 20 or newer to install (found " + found + "): see https://nodejs.org",
	);
	process.exit(1);
}
if (!installing && major < 24) {
	console.error(
		"The project's own Node.js 24 is not in node_modules (found " + found + "): run `npm ci` first",
	);
	process.exit(1);
}

export default {
	files: ["test/**/*.test.ts", "!test/e2e/**", "!test/soak/**"],
	extensions: ["ts"],
	timeout: "5m",
	concurrency: 2,
};

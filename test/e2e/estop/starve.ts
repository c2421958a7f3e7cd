// Loaded before a program: from one SIGUSR2 to the next all threads of its pool are busy.
import { pbkdf2 } from "node:crypto";

const jobs = 8;
let starving = false;

function work(): void {
	if (starving) pbkdf2("a", "b", 100_000, 32, "sha512", work);
}

process.on("SIGUSR2", () => {
	starving = !starving;
	console.log(starving ? "starving" : "fed");
	for (let job = 0; starving && job < jobs; job += 1) work();
});

import test from "ava";
import { wallNow } from "../../dev/venue/clock.ts";
import { until } from "../support/until.ts";
import { openNetwork } from "./network.ts";
import { openTrading, slackMilliseconds, ttlMilliseconds } from "./trading-desk.ts";

/** After this nobody holds a permit that was signed before. */
const runOut = ttlMilliseconds + slackMilliseconds;

test("a raise while the network to the bots is cut: they stop by themselves, are reported and stopped, and stay so", async (t) => {
	t.timeout(300_000);
	// Given bots and their venue in another network, told over a wire
	const network = await openNetwork(t);
	const trading = await openTrading(t, { via: () => network.via, places: network.expose });
	const { desk, bots } = trading;
	// When the wire is cut and the desk is raised
	network.cut();
	const cut = wallNow();
	await desk.patch({ mode: "Pause" });
	// Then the venue takes no risk once the permits have run out
	t.deepEqual(await trading.during(cut + runOut, 1_000), []);
	// And that says something: they had traded until then
	t.true(trading.risky(cut - 5_000).length > 0);
	// And the operator names each as silent, and stops it
	const names = bots.map(({ pod }) => pod);
	for (const replica of trading.replicas) {
		await until("it names each of them", () => {
			const silent = replica.log.filter(({ msg }) => msg === "did not acknowledge in time");
			return names.every((name) => silent.some(({ pod }) => pod === name));
		});
	}
	await until("each is stopped", async () =>
		(await desk.pods()).every(({ metadata }) => !names.includes(metadata.name)),
	);
	t.is((await desk.condition("SignalAvailable"))?.status, "False");
	// When the wire is mended, then nothing trades: nobody tells those any more
	network.mend();
	const mended = wallNow();
	t.deepEqual(await trading.during(mended, 3_000), []);
	t.deepEqual(trading.risky(cut + runOut), []);
});

test("a cut in Normal pauses the bots, and mended they go on in the same pods", async (t) => {
	t.timeout(300_000);
	// Given bots and their venue in another network
	const network = await openNetwork(t);
	const trading = await openTrading(t, { via: () => network.via, places: network.expose });
	const pods = await trading.running();
	// When the wire is cut, then the venue takes no risk once the permits have run out
	network.cut();
	const cut = wallNow();
	t.deepEqual(await trading.during(cut + runOut, 1_500), []);
	// When it is mended, then they trade without anybody's word
	network.mend();
	await trading.flowing();
	t.deepEqual(await trading.running(), pods);
});

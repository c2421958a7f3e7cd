import { isKubeError } from "../../kube/error.ts";
import { podsPath, recordsPath } from "../../operator/resources.ts";
import { denies } from "../core/world/oracle.ts";
import type { TestDesk, WorkloadSpec } from "../operator/desk.ts";
import type { Deployed } from "./story.ts";

type Labels = Readonly<Record<string, string>>;

/** A workload that people run, and how many replicas of it they want. */
export type Wish = {
	readonly name: string;
	readonly kind: "Deployment" | "StatefulSet";
	readonly labels: Labels;
	readonly uid: string;
	/** Usually one; more where two wishes raced with a halt, or a record was deleted. */
	wanted: ReadonlySet<number>;
	/** Every number that was ever wanted. */
	readonly ever: Set<number>;
	/** The version of the desk when the story deleted its record: it may stand at 0 then, and that has to be said. */
	tamperedAt: number | undefined;
};

/** What people run, and what they do to it. Risk monitoring and liquidators are left alone. */
export class Fleet {
	readonly #desk: TestDesk;
	readonly #wishes = new Map<string, Wish>();
	readonly #deleted: Wish[] = [];
	#made = 0;

	constructor(desk: TestDesk) {
		this.#desk = desk;
	}

	get wishes(): readonly Wish[] {
		return [...this.#wishes.values()];
	}

	/** What people ever wanted, by UID of the workload. */
	wanted(): ReadonlyMap<string, ReadonlySet<number>> {
		return new Map([...this.#wishes.values(), ...this.#deleted].map(({ uid, ever }) => [uid, ever]));
	}

	/** A workload with a name and labels of its own. */
	spec({ workload, app, inEurope, replicas, slow }: Deployed): WorkloadSpec & { readonly labels: Labels } {
		const name = `${app}-${this.#made++}`;
		const labels = { app, name, ...(inEurope && { region: "eu" }) };
		return {
			kind: workload,
			name,
			replicas,
			labels,
			...(slow && { finalizers: ["tradingsafety.dev/slow"] }),
		};
	}

	/** Takes note of a workload that was made. */
	async noteMade({ kind = "Deployment", name, replicas, labels = {} }: WorkloadSpec): Promise<void> {
		const { metadata } = await this.#desk.workload(name, kind);
		const ever = new Set([replicas]);
		const { uid } = metadata;
		this.#wishes.set(name, { name, kind, labels, uid, wanted: ever, ever, tamperedAt: undefined });
	}

	/** Makes one; what becomes of it in a halt is the API server's to say. */
	async create(what: Deployed): Promise<string> {
		const spec = this.spec(what);
		try {
			await this.#desk.apply(spec);
		} catch (error) {
			if (!isKubeError(error, "ALREADY_EXISTS")) throw error;
		}
		await this.noteMade(spec);
		return `${spec.name} with ${spec.replicas}`;
	}

	async scale(nth: number, replicas: number): Promise<string> {
		const wish = this.#nth(nth);
		if (wish === undefined) return "nothing to scale";
		const { name, kind, ever } = wish;
		const before = await this.#desk.get();
		const quiet = !denies(before, wish.labels) && (await this.#desk.records()).length === 0;
		// Until the answer is there either may hold.
		const either = new Set([...wish.wanted, replicas]);
		const old = wish.wanted;
		wish.wanted = either;
		ever.add(replicas);
		try {
			await this.#desk.scale(name, replicas, kind);
		} catch (error) {
			if (isKubeError(error, "FORBIDDEN", "INVALID")) wish.wanted = old;
			throw error;
		}
		const after = await this.#desk.get();
		if (quiet && before.metadata.generation === after.metadata.generation) {
			wish.wanted = new Set([replicas]);
			wish.tamperedAt = undefined;
		}
		return `${name} to ${replicas}`;
	}

	async delete(nth: number): Promise<string> {
		const wish = this.#nth(nth);
		if (wish === undefined) return "nothing to delete";
		const plural = wish.kind === "Deployment" ? "deployments" : "statefulsets";
		await this.#desk.admin.delete(`/apis/apps/v1/namespaces/${this.#desk.namespace}/${plural}/${wish.name}`);
		this.#wishes.delete(wish.name);
		this.#deleted.push(wish);
		return wish.name;
	}

	async deletePods(nth: number, count: number): Promise<string> {
		const wish = this.#nth(nth);
		const pods = (await this.#desk.pods()).filter((pod) => pod.metadata.labels?.name === wish?.name);
		const names = pods.slice(0, count).map((pod) => pod.metadata.name);
		await Promise.allSettled(
			names.map((name) => this.#desk.admin.delete(podsPath(this.#desk.namespace, name))),
		);
		return names.join(", ");
	}

	async deleteRecord(nth: number): Promise<string> {
		const records = await this.#desk.records();
		const record = records[nth % Math.max(1, records.length)];
		const wish = this.wishes.find(({ uid }) => uid === record?.spec.workload.uid);
		if (record === undefined || wish === undefined) return "no record to delete";
		wish.wanted = new Set([...wish.wanted, 0]);
		wish.ever.add(0);
		// Before status says that all of its target are recorded, nobody can tell a lost record from none.
		const { metadata, status } = await this.#desk.get();
		const known = status?.targets?.find(({ name }) => name === record.spec.target)?.recordedAt !== undefined;
		wish.tamperedAt = known ? Number(metadata.resourceVersion) : undefined;
		await this.#desk.admin.delete(recordsPath(this.#desk.namespace, record.metadata.name));
		return wish.name;
	}

	async runPod(app: string): Promise<string> {
		const name = `bare-${this.#made++}`;
		await this.#desk.admin.create(podsPath(this.#desk.namespace), {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name, labels: { app, name } },
			spec: { containers: [{ name: "bot", image: "bot" }] },
		});
		return name;
	}

	#nth(nth: number): Wish | undefined {
		const mine = this.wishes.filter(({ labels }) => labels.app === "bot" || labels.app === "gateway");
		return mine[nth % Math.max(1, mine.length)];
	}
}

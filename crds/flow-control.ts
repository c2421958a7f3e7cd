import { leaderAccount, operatorAccount, operatorNamespace } from "./roles.ts";
import { apiGroup } from "./vocabulary.ts";

type Json = { readonly [key: string]: unknown };

const flowControl = "flowcontrol.apiserver.k8s.io/v1";

/** Priority level of the operator's two accounts, and of nobody else. */
export const operatorLevel = "tradingsafety-operator";
/** Priority level of raises, by whomever. */
export const raiseLevel = "tradingsafety-raise";

/**
 * What the API server serves apart from all other requests, so that a storm of those delays neither a raise nor what
 * follows from it. Requests are sorted before anybody's rights are looked at: every user who can log in may send to
 * the level of raises. There each user has queues of their own, and none is served before another's turn.
 */
export function flowControlObjects(): readonly Json[] {
	return [
		// Beside the 245 shares of the system's own levels, of which ordinary accounts have 100 too. Two replicas have 128 calls under
		// way at most, all of one user: one hand of queues must hold them.
		level(operatorLevel, { nominalConcurrencyShares: 100, queues: 16, handSize: 4, queueLengthLimit: 100 }),
		level(raiseLevel, { nominalConcurrencyShares: 10, queues: 128, handSize: 6, queueLengthLimit: 20 }),
		schema(operatorLevel, {
			matchingPrecedence: 200,
			subjects: [operatorAccount, leaderAccount].map((name) => ({
				kind: "ServiceAccount",
				serviceAccount: { namespace: operatorNamespace, name },
			})),
			resourceRules: [
				{ apiGroups: ["*"], resources: ["*"], verbs: ["*"], clusterScope: true, namespaces: ["*"] },
			],
			nonResourceRules: [{ nonResourceURLs: ["*"], verbs: ["*"] }],
		}),
		schema(raiseLevel, {
			matchingPrecedence: 210,
			subjects: [{ kind: "Group", group: { name: "system:authenticated" } }],
			// Lists and watches are for looking: they may wait.
			resourceRules: [
				{
					apiGroups: [apiGroup],
					resources: ["tradingsafeties"],
					verbs: ["get", "patch"],
					clusterScope: false,
					namespaces: ["*"],
				},
			],
			// kubectl asks for these before it patches.
			nonResourceRules: [
				{ nonResourceURLs: ["/api", "/apis", `/apis/${apiGroup}`, `/apis/${apiGroup}/*`], verbs: ["get"] },
			],
		}),
	];
}

type Queues = {
	readonly nominalConcurrencyShares: number;
	readonly queues: number;
	readonly handSize: number;
	readonly queueLengthLimit: number;
};

/** Lends nothing: what is lent comes back only every ten seconds. Borrows without bound. */
function level(name: string, { nominalConcurrencyShares, ...queuing }: Queues): Json {
	return {
		apiVersion: flowControl,
		kind: "PriorityLevelConfiguration",
		metadata: { name },
		spec: {
			type: "Limited",
			limited: {
				nominalConcurrencyShares,
				lendablePercent: 0,
				limitResponse: { type: "Queue", queuing },
			},
		},
	};
}

/** Sorts requests into the level of the same name. The system's own schemas for accounts and users come later. */
function schema(name: string, { matchingPrecedence, ...rule }: Json): Json {
	return {
		apiVersion: flowControl,
		kind: "FlowSchema",
		metadata: { name },
		spec: {
			matchingPrecedence,
			priorityLevelConfiguration: { name },
			distinguisherMethod: { type: "ByUser" },
			rules: [rule],
		},
	};
}

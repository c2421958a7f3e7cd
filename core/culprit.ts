/** Why the API server did not do what it was asked, as its client saw it. */
export type FailedCall = {
	/** Code of the client's error, such as TIMEOUT. */
	readonly code: string;
	/** HTTP status, where there was an answer. */
	readonly status?: number;
	/** What the API server said. */
	readonly message: string;
};

/** Who stands in the way of a call, and what removes it. */
export type Culprit = {
	readonly reason:
		| "WebhookDown"
		| "WebhookRefuses"
		| "DryRunUnsupported"
		| "PolicyRefuses"
		| "QuotaExceeded"
		| "NotPermitted"
		| "KindMissing"
		| "Overloaded"
		| "NoAnswer"
		| "Refused";
	readonly who: string;
	readonly remedy: string;
};

type Pattern = {
	readonly says: RegExp;
	readonly culprit: (name: string, detail: string) => Culprit;
};

/** In the order of trying: what names somebody goes before what names nobody. */
const patterns: readonly Pattern[] = [
	{
		says: /admission webhook "([^"]+)" does not support dry run/,
		culprit: (name) => ({
			reason: "DryRunUnsupported",
			who: `webhook ${name} does not support dry run`,
			remedy: "this cannot be rehearsed, which does not mean that it would fail: try it in a drill",
		}),
	},
	{
		says: /failed calling webhook "([^"]+)": (.*)/s,
		culprit: (name, detail) => ({
			reason: "WebhookDown",
			who: `webhook ${name} does not answer (${detail})`,
			remedy: "mend it, exclude this namespace by its namespaceSelector, or set its failurePolicy to Ignore",
		}),
	},
	{
		says: /admission webhook "([^"]+)" denied the request:? ?(.*)/s,
		culprit: (name, detail) => ({
			reason: "WebhookRefuses",
			who: `webhook ${name} refuses (${detail})`,
			remedy: "exempt the operator's account or this namespace in it",
		}),
	},
	{
		says: /ValidatingAdmissionPolicy '([^']+)'.*? denied request: (.*)/s,
		culprit: (name, detail) => ({
			reason: "PolicyRefuses",
			who: `policy ${name} refuses (${detail})`,
			remedy: "exempt the operator's account or this namespace in it",
		}),
	},
	{
		says: /(?:exceeded|failed|status unknown for) quota: ([^,:]+)(.*)/s,
		culprit: (name) => ({
			reason: "QuotaExceeded",
			who: `quota ${name} stands in the way`,
			remedy: "raise it, or wait until its use is counted",
		}),
	},
	{
		says: /(cannot \S+ resource "[^"]+")/,
		culprit: (what) => ({
			reason: "NotPermitted",
			who: `RBAC: the operator ${what}`,
			remedy: "apply crds/generated/ again",
		}),
	},
	{
		says: /could not find the requested resource/,
		culprit: () => ({
			reason: "KindMissing",
			who: "the API server does not know this kind",
			remedy: "apply crds/generated/ again, or bring the kind's definition back",
		}),
	},
];

const longestDetail = 160;

/** Who refused, and what helps, out of what the API server said. */
export function culpritOf({ code, status, message }: FailedCall): Culprit {
	for (const { says, culprit } of patterns) {
		const found = says.exec(message);
		if (found !== null) return culprit(found[1] ?? "", lastPart(found[2] ?? ""));
	}
	if (code === "TOO_MANY_REQUESTS" || status === 429) {
		return {
			reason: "Overloaded",
			who: "the API server has no place for this call",
			remedy: "look at the priority level of the operator's FlowSchema and at who floods the API server",
		};
	}
	if (code === "TIMEOUT" || code === "CONNECTION") {
		return {
			reason: "NoAnswer",
			who: "no answer in time",
			remedy: "look at the API server, and at webhooks that hang",
		};
	}
	return { reason: "Refused", who: cut(message), remedy: "mend what is named" };
}

/** The end of a chain of causes, without the ports of our side, which differ each time. */
function lastPart(detail: string): string {
	return cut(detail.replace(/^failed to call webhook: /, "").replaceAll(/\S+->/g, ""));
}

function cut(text: string): string {
	return text.length <= longestDetail ? text : `${text.slice(0, longestDetail)}…`;
}

import { S3ServiceException } from "@aws-sdk/client-s3";
import { AuditError, messageOf } from "../error.ts";

/** One clear line for what people get wrong. */
export function storeFailure(
	{ bucket, endpoint = "s3" }: { readonly bucket: string; readonly endpoint?: string },
	what: string,
	cause: unknown,
): AuditError {
	const remedy = remedyOf(cause);
	return new AuditError(
		"STORE",
		`${endpoint}, bucket ${bucket}: ${what}: ${messageOf(cause) || String(cause)}${remedy === undefined ? "" : ` (${remedy})`}`,
		{ cause },
	);
}

/** True where the store answered with this status. */
export function hasStatus(error: unknown, status: number): boolean {
	return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}

function remedyOf(error: unknown): string | undefined {
	if (!(error instanceof S3ServiceException)) {
		const { name, code } = error as NodeJS.ErrnoException;
		if (name === "CredentialsProviderError") return "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
		const isAway = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ETIMEDOUT"].includes(
			code ?? "",
		);
		return isAway ? "does the store run there, and can it be reached from here?" : undefined;
	}
	switch (error.name) {
		case "NoSuchBucket":
		case "InvalidBucketName":
			return "is there such a bucket, made with Object Lock?";
		case "InvalidRequest":
			return "is there such a bucket, and was it made with Object Lock? Only a new one can be";
		default:
			// Of an unknown user versitygw says that it is not found.
			return hasStatus(error, 401) ||
				hasStatus(error, 403) ||
				/UserNotFound|InvalidAccessKey/.test(error.name)
				? "are these the right credentials, and may they do this?"
				: undefined;
	}
}

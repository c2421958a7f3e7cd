/** CONFIGURATION: a device is described in a way that no report could be read by. */
export type DeviceErrorCode = "CONFIGURATION";

/** The only error of this folder: what a device sends is data, however wrong it is. */
export class DeviceError extends Error {
	override readonly name = "DeviceError";
	readonly code: DeviceErrorCode;

	constructor(code: DeviceErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** True for a DeviceError of one of the codes; of any when none is named. */
export function isDeviceError(error: unknown, ...codes: readonly DeviceErrorCode[]): error is DeviceError {
	return error instanceof DeviceError && (codes.length === 0 || codes.includes(error.code));
}

import { bigRedButton } from "./big-red-button.ts";
import { blink1 } from "./blink1.ts";
import { delcom } from "./delcom.ts";
import { DeviceError } from "./error.ts";
import { estopBox } from "./estop-box.ts";
import { genericButton } from "./generic-button.ts";
import type { HidInterface, Profile } from "./profile.ts";

/** The devices that are known without being configured. */
export const builtInProfiles: readonly Profile[] = [estopBox, bigRedButton, delcom, blink1];

/** What an interface speaks, or why nobody knows: for people, with what to do about it. */
export type ProfileAnswer =
	| { readonly kind: "Profile"; readonly profile: Profile }
	| { readonly kind: "NoProfile"; readonly why: string }
	| { readonly kind: "TwoProfiles"; readonly names: readonly string[]; readonly why: string };

/** The profiles of the configured buttons. Throws `CONFIGURATION`, also where a name is there twice. */
export function configuredProfiles(configurations: readonly unknown[]): readonly Profile[] {
	const profiles = configurations.map(genericButton);
	const names = [...builtInProfiles, ...profiles].map(({ name }) => name);
	const twice = names.find((name, index) => names.indexOf(name) !== index);
	if (twice !== undefined) {
		throw new DeviceError(
			"CONFIGURATION",
			`button ${twice}: there is another of this name, choose another one`,
		);
	}
	return profiles;
}

/** How this interface is to be spoken to. */
export function profileOf(info: HidInterface, configured: readonly Profile[]): ProfileAnswer {
	const matching = [...builtInProfiles, ...configured].filter((profile) => profile.identify(info));
	const [profile] = matching;
	if (profile === undefined) {
		return {
			kind: "NoProfile",
			why: `${describe(info)}: ${
				info.descriptorHash === ""
					? "its report descriptor could not be read, by which an e-stop box is known; see to the rights on /sys"
					: "no profile knows it; configure it as a button, or unplug it"
			}`,
		};
	}
	if (matching.length === 1) return { kind: "Profile", profile };
	const names = matching.map(({ name }) => name);
	return {
		kind: "TwoProfiles",
		names,
		why: `${describe(info)}: ${names.join(" and ")} match; ${remedy(matching, configured)}`,
	};
}

function remedy(matching: readonly Profile[], configured: readonly Profile[]): string {
	const [own, ...others] = matching.filter((profile) => configured.includes(profile));
	if (own === undefined) return "it claims to be both, unplug it";
	return others.length === 0
		? `remove ${own.name} from the configuration, or give it product or usagePage`
		: "give the configured ones product or usagePage, so that only one matches";
}

/** An interface in one line. */
function describe({ path, vendorId, productId, product, usagePage, usage }: HidInterface): string {
	const ids = [vendorId, productId].map((id) => id.toString(16).padStart(4, "0")).join(":");
	const use = `usage ${usagePage.toString(16).padStart(4, "0")}:${usage.toString(16).padStart(4, "0")}`;
	return `${path} (${ids} ${JSON.stringify(product)}, ${use})`;
}

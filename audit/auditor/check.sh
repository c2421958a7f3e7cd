#!/usr/bin/env bash
# Checks a trail with nothing of ours: bash, openssl, jq, sha256sum, and what every Unix has.
#
#   check.sh TRAIL ENTRY_KEYS.pem LOG_KEYS.pem [INDEX...]
#
# TRAIL is a folder with the objects of the store. The keys are public ones, from somebody you trust; a file may hold several, one
# below the other. With indexes these entries are checked, each with its proof. Without any, every entry is, and that all of them
# together are what each checkpoint covers. It prints OK, or what is wrong, for each, and ends with 1 if anything is.
set -eu
[ $# -ge 3 ] || { echo "usage: check.sh TRAIL ENTRY_KEYS.pem LOG_KEYS.pem [INDEX...]" >&2; exit 2; }
trail=$1
for file in "$2" "$3"; do
	grep -q 'BEGIN PUBLIC KEY' "$file" || { echo "$file holds no public key in PEM" >&2; exit 2; }
done
[ -d "$trail/batch" ] || { echo "$trail holds no trail: there is no batch/ in it" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Each key in a file of its own: entry-1, entry-2, log-1 and so on.
awk -v to="$work/entry-" '/BEGIN PUBLIC KEY/ { n++ } n { print >(to n) }' "$2"
awk -v to="$work/log-" '/BEGIN PUBLIC KEY/ { n++ } n { print >(to n) }' "$3"
# As the log holds them: base64 of their DER.
for key in "$work"/entry-*; do
	openssl pkey -pubin -in "$key" -outform DER | openssl base64 -A >"$work/der-$(basename "$key")"
done
shift 3
failed=0

# hex of base64 on standard input
hex() { openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n'; }
# bytes of hex
bytes() { printf '%b' "$(printf %s "$1" | sed 's/../\\x&/g')"; }
# hash of a node over two hashes (RFC 9162, section 2.1.1)
node() { bytes "01$1$2" | sha256sum | cut -c1-64; }

# open NOTE: true where one of the keys of the log has signed it; its text is in $work/text then
open() {
	sed '/^$/,$d' "$1" >"$work/text"
	name=$(sed -n 1p "$work/text")
	# While a key follows another both sign: a line each.
	for signature in $(sed -n "s|^— $name ||p" "$1"); do
		printf %s "$signature" | openssl base64 -d -A | tail -c +5 >"$work/signature"
		for key in "$work"/log-*; do
			openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1 &&
				return 0
		done
	done
	return 1
}

# check INDEX ENTRY BUNDLE
check() {
	index=$1
	printf %s "$2" >"$work/entry"
	printf %s "$3" >"$work/bundle"
	get() { jq -er "$1" "$work/bundle"; }
	# 1. The leaf names this entry, its signature and a key that is trusted.
	get '.verificationMaterial.tlogEntries[0].canonicalizedBody' | openssl base64 -d -A >"$work/leaf"
	leaf() { jq -er ".spec.hashedRekordV002.$1" "$work/leaf"; }
	entry_key=
	held=$(leaf signature.verifier.publicKey.rawBytes)
	for key in "$work"/entry-*; do
		if [ "$held" = "$(cat "$work/der-$(basename "$key")")" ]; then entry_key=$key; fi
	done
	[ -n "$entry_key" ] || { echo "entry $index: its key is none of those that are trusted"; return 1; }
	get .messageSignature.signature | openssl base64 -d -A >"$work/signature"
	openssl dgst -sha256 -verify "$entry_key" -signature "$work/signature" "$work/entry" >/dev/null 2>&1 ||
		{ echo "entry $index: its signature is wrong"; return 1; }
	[ "$(leaf data.digest | hex)" = "$(sha256sum <"$work/entry" | cut -c1-64)" ] ||
		{ echo "entry $index: the log holds another entry"; return 1; }
	[ "$(leaf signature.content)" = "$(get .messageSignature.signature)" ] ||
		{ echo "entry $index: the log holds another signature"; return 1; }
	# 2. From the leaf to the root (RFC 9162, section 2.1.3.2).
	proof=.verificationMaterial.tlogEntries[0].inclusionProof
	[ "$(get "$proof.logIndex")" = "$index" ] || { echo "entry $index: this is the bundle of another entry"; return 1; }
	at=$index last=$(($(get "$proof.treeSize") - 1))
	hash=$({ printf '\000'; cat "$work/leaf"; } | sha256sum | cut -c1-64)
	own=$hash
	for step in $(jq -r "$proof.hashes[]" "$work/bundle"); do
		step=$(printf %s "$step" | hex)
		if [ $((at % 2)) -eq 1 ] || [ "$at" -eq "$last" ]; then
			hash=$(node "$step" "$hash")
			while [ $((at % 2)) -eq 0 ] && [ "$at" -ne 0 ]; do at=$((at / 2)) last=$((last / 2)); done
		else
			hash=$(node "$hash" "$step")
		fi
		at=$((at / 2)) last=$((last / 2))
	done
	# 3. The checkpoint is over that root, and the log has signed it.
	jq -j "$proof.checkpoint.envelope" "$work/bundle" >"$work/note"
	open "$work/note" || { echo "entry $index: the signature of its checkpoint is wrong"; return 1; }
	[ "$last" -eq 0 ] && [ "$(sed -n 3p "$work/text" | hex)" = "$hash" ] && [ "$(sed -n 2p "$work/text")" = "$(get "$proof.treeSize")" ] ||
		{ echo "entry $index: its proof does not lead to the checkpoint"; return 1; }
	echo "entry $index: OK, one of $(get "$proof.treeSize") of $name"
}

# The tree over all entries so far: full subtrees, the largest first, with the number of leaves below each (RFC 9162, section 2.1.1).
hashes=() widths=() size=0
# add HASH: one more leaf
add() {
	local hash=$1 width=1
	while [ ${#widths[@]} -gt 0 ] && [ "${widths[-1]}" -eq "$width" ]; do
		hash=$(node "${hashes[-1]}" "$hash") width=$((width * 2))
		unset 'hashes[-1]' 'widths[-1]'
	done
	hashes+=("$hash") widths+=("$width") size=$((size + 1))
}
# covers: the checkpoint of this size, where there is one, is over these entries
covers() {
	local note root at
	note=$trail/checkpoint/$(printf %012d "$size")
	[ -f "$note" ] || return 0
	covered=$size
	open "$note" || { echo "checkpoint $size: no key of the log has signed it"; return 1; }
	root=${hashes[-1]}
	for ((at = ${#hashes[@]} - 2; at >= 0; at--)); do root=$(node "${hashes[at]}" "$root"); done
	[ "$(sed -n 2p "$work/text")" = "$size" ] && [ "$(sed -n 3p "$work/text" | hex)" = "$root" ] ||
		{ echo "checkpoint $size: it is over other entries"; return 1; }
	echo "checkpoint $size: OK, over all entries up to here"
}

wanted=" $* " covered=0
for batch in "$trail"/batch/*.tsv; do
	number=$(basename "$batch" .tsv)
	first=$((10#$number))
	count=$(wc -l <"$batch")
	[ "$wanted" != "  " ] || [ "$first" -eq "$size" ] || { echo "batch $number: entries before it are missing"; exit 1; }
	[ "$(wc -l <"$trail/bundle/$number.ndjson")" -eq "$count" ] ||
		{ echo "batch $number: not as many bundles as entries"; failed=1; continue; }
	for ((line = 1; line <= count; line++)); do
		index=$((first + line - 1))
		case $wanted in
		"  " | *" $index "*)
			entry=$(sed -n "${line}p" "$batch" | cut -f1)
			bundle=$(sed -n "${line}p" "$trail/bundle/$number.ndjson")
			own=
			check "$index" "$entry" "$bundle" || failed=1
			;;
		esac
		[ "$wanted" = "  " ] || continue
		[ -n "$own" ] || { echo "entry $index: nothing behind it can be checked"; exit 1; }
		add "$own"
		covers || failed=1
	done
done
if [ "$wanted" = "  " ]; then
	last=$(basename "$(printf '%s\n' "$trail"/checkpoint/* | sort | tail -n 1)")
	if [ "$covered" -ne "$size" ] || [ "$((10#$last))" -ne "$size" ]; then
		echo "the last checkpoint is of $((10#$last)) entries, and $size are there: was the end cut off?"
		failed=1
	fi
fi
exit "$failed"

#!/usr/bin/env bash
# Checks entries of a trail with nothing of ours: bash, openssl, jq, sha256sum, od and cut.
#
#   check.sh TRAIL ENTRY_KEY.pem LOG_KEY.pem [INDEX...]
#
# TRAIL is a folder with the objects of the store; the keys are public ones, from somebody you trust. Without an index every
# entry is checked. For each it prints OK, or what is wrong, and ends with 1 if anything is.
set -eu
[ $# -ge 3 ] || { echo "usage: check.sh TRAIL ENTRY_KEY.pem LOG_KEY.pem [INDEX...]" >&2; exit 2; }
trail=$1 entry_key=$2 log_key=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# hex of base64 on standard input
hex() { openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n'; }
# bytes of hex
bytes() { printf '%b' "$(printf %s "$1" | sed 's/../\\x&/g')"; }
# hash of a node over two hashes (RFC 9162, section 2.1.1)
node() { bytes "01$1$2" | sha256sum | cut -c1-64; }

# check INDEX ENTRY BUNDLE
check() {
	index=$1
	printf %s "$2" >"$work/entry"
	printf %s "$3" >"$work/bundle"
	get() { jq -er "$1" "$work/bundle"; }
	# 1. The signature of the entry.
	get .messageSignature.signature | openssl base64 -d -A >"$work/signature"
	openssl dgst -sha256 -verify "$entry_key" -signature "$work/signature" "$work/entry" >/dev/null 2>&1 ||
		{ echo "entry $index: its signature is wrong"; return 1; }
	# 2. The leaf names this entry, this signature and this key.
	get '.verificationMaterial.tlogEntries[0].canonicalizedBody' | openssl base64 -d -A >"$work/leaf"
	leaf() { jq -er ".spec.hashedRekordV002.$1" "$work/leaf"; }
	[ "$(leaf data.digest | hex)" = "$(sha256sum <"$work/entry" | cut -c1-64)" ] ||
		{ echo "entry $index: the log holds another entry"; return 1; }
	[ "$(leaf signature.content)" = "$(get .messageSignature.signature)" ] ||
		{ echo "entry $index: the log holds another signature"; return 1; }
	[ "$(leaf signature.verifier.publicKey.rawBytes)" = "$(openssl pkey -pubin -in "$entry_key" -outform DER | openssl base64 -A)" ] ||
		{ echo "entry $index: the log holds another key"; return 1; }
	# 3. From the leaf to the root (RFC 9162, section 2.1.3.2).
	proof=.verificationMaterial.tlogEntries[0].inclusionProof
	[ "$(get "$proof.logIndex")" = "$index" ] || { echo "entry $index: this is the bundle of another entry"; return 1; }
	at=$index last=$(($(get "$proof.treeSize") - 1))
	hash=$({ printf '\000'; cat "$work/leaf"; } | sha256sum | cut -c1-64)
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
	# 4. The checkpoint is over that root, and the log has signed it.
	jq -j "$proof.checkpoint.envelope" "$work/bundle" >"$work/note"
	sed '/^$/,$d' "$work/note" >"$work/text"
	[ "$last" -eq 0 ] && [ "$(sed -n 3p "$work/text" | hex)" = "$hash" ] && [ "$(sed -n 2p "$work/text")" = "$(get "$proof.treeSize")" ] ||
		{ echo "entry $index: its proof does not lead to the checkpoint"; return 1; }
	name=$(sed -n 1p "$work/text")
	signed=
	# While a key follows another both sign: a line each.
	for signer in $(sed -n "s|^— $name ||p" "$work/note"); do
		printf %s "$signer" | openssl base64 -d -A | tail -c +5 >"$work/signature"
		if openssl pkeyutl -verify -pubin -inkey "$log_key" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1; then
			signed=yes
		fi
	done
	[ -n "$signed" ] || { echo "entry $index: the signature of its checkpoint is wrong"; return 1; }
	echo "entry $index: OK, one of $(get "$proof.treeSize") of $name"
}

wanted=" $* "
for batch in "$trail"/batch/*.tsv; do
	number=$(basename "$batch" .tsv)
	first=$(printf %s "$number" | sed 's/^0*\(.\)/\1/')
	count=$(wc -l <"$batch")
	[ "$(wc -l <"$trail/bundle/$number.ndjson")" -eq "$count" ] ||
		{ echo "batch $number: not as many bundles as entries"; failed=1; continue; }
	line=1
	while [ "$line" -le "$count" ]; do
		index=$((first + line - 1))
		case $wanted in
		"  " | *" $index "*)
			entry=$(sed -n "${line}p" "$batch" | cut -f1)
			bundle=$(sed -n "${line}p" "$trail/bundle/$number.ndjson")
			check "$index" "$entry" "$bundle" || failed=1
			;;
		esac
		line=$((line + 1))
	done
done
exit "$failed"

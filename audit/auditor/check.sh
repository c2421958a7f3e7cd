#!/usr/bin/env bash
# Checks a trail with nothing of ours: bash, openssl, jq, sha256sum, and what every Unix has.
#
#   check.sh TRAIL LOG ENTRY_KEYS.pem LOG_KEYS.pem [INDEX...]
#
# TRAIL is a folder with the objects of the store, LOG the name of the log. The keys are public ones. Name and keys are from somebody
# you trust; a file may hold several keys, one below the other. With indexes these entries are checked, each with its proof. Without
# any, every entry is, that all of them together are what each checkpoint covers, and that each object is the one that the log wrote.
# It prints OK, or what is wrong, for each, and ends with 1 if anything is, with 2 if it was asked wrongly.
#
# Whoever made the trail may want to run commands here, so nothing out of it is calculated with before it is known to be a number,
# is ever part of a command or of a pattern, or is printed.
set -eu
shopt -s nullglob dotglob globstar
export LC_ALL=C
usage() { echo "$1; usage: check.sh TRAIL LOG ENTRY_KEYS.pem LOG_KEYS.pem [INDEX...]" >&2; exit 2; }
[ $# -ge 4 ] || usage "too few arguments"
trail=$1 log=$2
[[ $log =~ ^[^[:space:][:cntrl:]+]+$ ]] || usage "LOG is no name of a log"
for file in "$3" "$4"; do
	grep -q 'BEGIN PUBLIC KEY' -- "$file" || usage "$file holds no public key in PEM"
done
[ -d "$trail/batch" ] || usage "$trail holds no trail: there is no batch/ in it"
number='^(0|[1-9][0-9]{0,14})$' base64='^[A-Za-z0-9+/]+=?=?$' hash64='^[A-Za-z0-9+/]{43}=$'
for index in "${@:5}"; do
	[[ $index =~ $number ]] || usage "an INDEX is no number"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Each key in a file of its own: entry-1, entry-2, log-1 and so on.
awk -v to="$work/entry-" '/BEGIN PUBLIC KEY/ { n++ } n { print >(to n) }' <"$3"
awk -v to="$work/log-" '/BEGIN PUBLIC KEY/ { n++ } n { print >(to n) }' <"$4"
# As the log holds them: base64 of their DER.
for key in "$work"/entry-*; do
	openssl pkey -pubin -in "$key" -outform DER | openssl base64 -A >"$work/der-${key##*/}"
done
shift 4
failed=0

# hex of base64 on standard input
hex() { openssl base64 -d -A 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
# bytes of hex
bytes() { printf '%b' "$(printf %s "$1" | sed 's/../\\x&/g')"; }
# hash of a node over two hashes (RFC 9162, section 2.1.1)
node() { bytes "01$1$2" | sha256sum | cut -c1-64; }
# lines FILE: true for whole lines of text: no NUL, which bash drops, and no end that it adds
lines() { [ -s "$1" ] && [ "$(tr -d '\t\n\040-\377' <"$1" | wc -c)" -eq 0 ] && [ "$(tail -c 1 "$1" | wc -l)" -eq 1 ]; }

# open NOTE: true where one of the keys of the log has signed it; its text is in $work/text then
open() {
	local signature key
	lines "$1" || return 1
	sed '/^$/,$d' "$1" >"$work/text"
	# While a key follows another both sign: a line each. More than some are only there to take time.
	by="— $log " awk 'below && index($0, ENVIRON["by"]) == 1 && ++n <= 16 { print substr($0, length(ENVIRON["by"]) + 1) }
		/^$/ { below = 1 }' "$1" >"$work/signatures"
	while IFS= read -r signature; do
		printf %s "$signature" | openssl base64 -d -A 2>/dev/null | tail -c +5 >"$work/signature"
		for key in "$work"/log-*; do
			openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1 &&
				return 0
		done
	done <"$work/signatures"
	return 1
}
# checkpoint NOTE IT UNSIGNED: true for a signed one of this log; $said is its three lines then. IT and UNSIGNED begin what is told
checkpoint() {
	[ "$(sed -n 1p "$1" | tr -d '\000')" = "$log" ] || { echo "$2 is of another log"; return 1; }
	open "$1" || { echo "$3"; return 1; }
	mapfile -t said <"$work/text"
	[ ${#said[@]} -eq 3 ] && [[ ${said[1]} =~ $number && ${said[2]} =~ $hash64 ]] || { echo "$2 is no checkpoint"; return 1; }
}

# What is needed of a bundle, a line each. Whatever else is in a line of it makes jq fail.
fields='def plain: if type == "string" and (explode | all(. > 32 and . < 127)) then . else error("") end;
	if [$entry, $bundle, $bundle[0].verificationMaterial.tlogEntries | length] != [1, 1, 1] then error("") else
		$bundle[0].verificationMaterial.tlogEntries[0] as $in | $in.inclusionProof as $proof |
		($entry[0].log == $log), ($proof.checkpoint.envelope | if type == "string" then @base64 else error("") end),
		($bundle[0].messageSignature.signature, $in.canonicalizedBody, $in.logIndex, $proof.logIndex, $proof.treeSize, $proof.hashes[] | plain)
	end'
# The leaf of an entry, of which this is all: hash of the entry, signature, key (hashedrekord 0.0.2 of Rekor v2).
leaf='{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"%s"},"signature":{"content":"%s","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"%s"}}}}}}'
opened=

# check INDEX LINE BUNDLE: the two lines of an entry; $own is the hash of its leaf then
check() {
	local index=$1 entry signature held key entry_key= own_log envelope signed body at proof_at size last hash step
	wrong() { echo "entry $index: $1"; return 1; }
	entry=${2%%$'\t'*} held=${2##*$'\t'} own=
	signature=${2:${#entry}+1} signature=${signature%%$'\t'*}
	[ "$entry"$'\t'"$signature"$'\t'"$held" = "$2" ] && [[ $signature =~ $base64 && $held =~ $base64 ]] ||
		{ wrong "its line is not an entry, a signature and a key"; return 1; }
	printf %s "$entry" >"$work/entry"
	printf '%s\n' "$3" >"$work/bundle"
	jq -nr --arg log "$log" --slurpfile entry "$work/entry" --slurpfile bundle "$work/bundle" "$fields" >"$work/fields" 2>/dev/null ||
		{ wrong "its JSON or that of its bundle is not what it should be"; return 1; }
	{ read -r own_log; read -r envelope; read -r signed; read -r body; read -r at; read -r proof_at; read -r size; mapfile -t steps; } <"$work/fields"
	# 1. A key that is trusted has signed it, and its leaf is of this entry, this signature and this key.
	for key in "$work"/entry-*; do
		if [ "$held" = "$(<"$work/der-${key##*/}")" ]; then entry_key=$key; fi
	done
	[ -n "$entry_key" ] || { wrong "its key is none of those that are trusted"; return 1; }
	printf %s "$signed" | openssl base64 -d -A >"$work/signature" 2>/dev/null
	openssl dgst -sha256 -verify "$entry_key" -signature "$work/signature" "$work/entry" >/dev/null 2>&1 ||
		{ wrong "its signature is wrong"; return 1; }
	[ "$signature" = "$signed" ] || { wrong "its line holds another signature than its bundle"; return 1; }
	printf "$leaf" "$(openssl dgst -sha256 -binary "$work/entry" | openssl base64 -A)" "$signature" "$held" >"$work/leaf"
	[ "$(openssl base64 -A -in "$work/leaf")" = "$body" ] || { wrong "the log holds another entry, signature or key"; return 1; }
	own=$({ printf '\000'; cat "$work/leaf"; } | sha256sum | cut -c1-64)
	[ "$own_log" = true ] || { wrong "it is of another log"; return 1; }
	# 2. From the leaf to the root (RFC 9162, section 2.1.3.2).
	[ "$at" = "$index" ] && [ "$proof_at" = "$index" ] || { wrong "this is the bundle of another entry"; return 1; }
	[[ $size =~ $number ]] && [ "$index" -lt "$size" ] || { wrong "the size of its tree is wrong"; return 1; }
	last=$((size - 1)) hash=$own
	for step in "${steps[@]}"; do
		[[ $step =~ $hash64 ]] && [ "$last" -gt 0 ] || { wrong "its proof does not lead to the checkpoint"; return 1; }
		step=$(printf %s "$step" | hex)
		if [ $((at % 2)) -eq 1 ] || [ "$at" -eq "$last" ]; then
			hash=$(node "$step" "$hash")
			while [ $((at % 2)) -eq 0 ] && [ "$at" -ne 0 ]; do at=$((at / 2)) last=$((last / 2)); done
		else
			hash=$(node "$hash" "$step")
		fi
		at=$((at / 2)) last=$((last / 2))
	done
	# 3. The checkpoint is over that root, and the log has signed it: once looked at where entries have the same one.
	if [ -z "$opened" ] || [ "$envelope" != "$opened" ]; then
		opened=
		printf %s "$envelope" | openssl base64 -d -A >"$work/note"
		checkpoint "$work/note" "entry $index: its checkpoint" "entry $index: the signature of its checkpoint is wrong" || return 1
		opened=$envelope opened_size=${said[1]} opened_root=$(printf %s "${said[2]}" | hex)
	fi
	[ "$last" -eq 0 ] && [ "$opened_root" = "$hash" ] && [ "$opened_size" = "$size" ] ||
		{ wrong "its proof does not lead to the checkpoint"; return 1; }
	echo "entry $index: OK, one of $size of $log"
}

# load NUMBER: the lines of this batch, and their bundles
load() {
	local batch=$trail/batch/$1.tsv bundle=$trail/bundle/$1.ndjson
	lines "$batch" && [ -f "$bundle" ] && lines "$bundle" ||
		{ echo "batch $1: it or its bundles are missing, or are not whole lines of text"; return 1; }
	mapfile -t entries <"$batch"
	mapfile -t bundles <"$bundle"
	first=$((10#$1))
	[ ${#entries[@]} -eq ${#bundles[@]} ] || { echo "batch $1: not as many bundles as entries"; return 1; }
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
# covers NOTE: the checkpoint of this size is over these entries
covers() {
	local root=${hashes[-1]} at
	[ -f "$1" ] || { echo "checkpoint $size: it is missing"; return 1; }
	checkpoint "$1" "checkpoint $size: it" "checkpoint $size: no key of the log has signed it" || return 1
	for ((at = ${#hashes[@]} - 2; at >= 0; at--)); do root=$(node "${hashes[at]}" "$root"); done
	[ "${said[1]}" = "$size" ] && [ "$(printf %s "${said[2]}" | hex)" = "$root" ] ||
		{ echo "checkpoint $size: it is over other entries"; return 1; }
	echo "checkpoint $size: OK, over all entries up to here"
}
# The hash and the key of each object that a manifest lists, as sha256sum reads them. No key leads out of the trail.
objects='if .log == $log and .first == $first and .size == $size then .objects[] else error("") end |
	if (.key | test("\\A(batch|bundle|checkpoint|tile)(/[a-z0-9]+([.][a-z]+)?)+\\z")) and (.sha256 | test("\\A[0-9a-f]{64}\\z"))
	then "\(.sha256)  \(.key)" else error("") end'
# wrote NOTE: each object that the manifest of this round lists is in the trail, as the log wrote it
wrote() {
	[ -f "$1" ] || { echo "manifest $size: it is missing"; return 1; }
	open "$1" || { echo "manifest $size: no key of the log has signed it"; return 1; }
	jq -er --arg log "$log" --argjson first "$first" --argjson size "$size" "$objects" "$work/text" >"$work/sums" 2>/dev/null ||
		{ echo "manifest $size: it is not that of these entries of this log"; return 1; }
	cut -c67- "$work/sums" >>"$work/listed"
	(cd -- "$trail" && sha256sum --check --quiet "$work/sums") 2>/dev/null ||
		{ echo "manifest $size: objects that it lists are missing, or others"; return 1; }
	echo "manifest $size: OK, its $(wc -l <"$work/sums") objects are as they were written"
}

# What is there: its names are hostile as well.
name='^(batch/[0-9]{12}\.tsv|bundle/[0-9]{12}\.ndjson|(checkpoint|manifest)/[0-9]{12}|tile(/[a-z0-9]+(\.p)?)+)$'
batches=() checkpoints=(000000000000)
for path in "$trail"/{batch,bundle,checkpoint,manifest,tile}/**; do
	if [ -d "$path" ] && [ ! -L "$path" ]; then continue; fi
	key=${path#"$trail"/}
	[[ $key =~ $name ]] && [ -f "$path" ] && [ ! -L "$path" ] || { printf '%q: no trail has this\n' "$key"; failed=1; continue; }
	printf '%s\n' "$key" >>"$work/there"
	case $key in
	batch/*) batches+=("${key:6:12}") ;;
	checkpoint/*) checkpoints+=("${key:11}") ;;
	esac
done

for index in "$@"; do
	at=
	for batch in "${batches[@]}"; do
		if [ $((10#$batch)) -le "$index" ]; then at=$batch; fi
	done
	if [ -n "$at" ] && ! load "$at"; then failed=1; continue; fi
	[ -n "$at" ] && [ $((index - first)) -lt ${#entries[@]} ] || { echo "entry $index: it is not there"; failed=1; continue; }
	check "$index" "${entries[index - first]}" "${bundles[index - first]}" || failed=1
done
[ $# -eq 0 ] || exit "$failed"

for batch in "${batches[@]}"; do
	load "$batch" || { failed=1; continue; }
	[ "$first" -eq "$size" ] || { echo "batch $batch: entries before it are missing"; exit 1; }
	for at in "${!entries[@]}"; do
		check "$size" "${entries[at]}" "${bundles[at]}" || failed=1
		[ -n "$own" ] || { echo "entry $size: nothing behind it can be checked"; exit 1; }
		add "$own"
	done
	end=$(printf %012d "$size")
	printf '%s\n' "manifest/$end" >>"$work/listed"
	covers "$trail/checkpoint/$end" || failed=1
	wrote "$trail/manifest/$end" || failed=1
done
last=$((10#${checkpoints[-1]}))
[ "$size" -gt 0 ] || { echo "there are no entries"; exit 1; }
if [ "$last" -ne "$size" ]; then
	echo "the last checkpoint is of $last entries, and $size are there: was the end cut off?"
	failed=1
fi
unlisted=$(sort "$work/there" | comm -23 - <(sort -u "$work/listed") | wc -l)
[ "$unlisted" -eq 0 ] || { echo "$unlisted objects are there that no manifest lists"; failed=1; }
exit "$failed"

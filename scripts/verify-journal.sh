#!/bin/sh
# Checks an export of the journal without Saphan, by openssl and standard tools; docs/journal.md says what is hashed and signed.
#
#   scripts/verify-journal.sh EXPORT [KEPT]    KEPT: what `saphan journal checkpoint` printed, kept elsewhere; its key counts
#
# Exit codes: 0 the journal holds, 2 it doesn't, 1 could not run.
set -eu
export LC_ALL=C
[ $# -ge 1 ] && [ -r "$1" ] && [ -r "${2:-$1}" ] || { echo "usage: verify-journal.sh EXPORT [KEPT]" >&2; exit 1; }
export_file=$1 kept=${2:-}
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && mkdir "$dir/part" "$dir/text" "$dir/sign"

awk -F'"pem":"' '/^[{]"key":/ { sub(/"}}$/, "", $2); gsub(/\\n/, "\n", $2); printf "%s", $2; exit }' "${kept:-$1}" >"$dir/key"
openssl pkey -pubin -in "$dir/key" -noout || { echo "there is no public key in ${kept:-$1}" >&2; exit 1; }

# The hash of each entry's text, which stands between fixed places of its line; a thousand lines at a time.
split -a 6 -l 1000 "$export_file" "$dir/part/"
for part in "$dir"/part/*; do
  awk -v to="$dir/text" '/^[{]"hash":/ { f = to "/" 1000 + NR; printf "%s", substr($0, 84, length($0) - 84) >f; close(f) }' "$part"
  set -- "$dir"/text/*
  [ ! -e "$1" ] || { openssl dgst -sha256 -r "$@" && rm "$@"; }
done | cut -c 1-64 >"$dir/hashes"

# Each follows the one before; each checkpoint is of the entry it stands behind. What is signed goes into files.
awk -v hashes="$dir/hashes" -v to="$dir/sign/" -v kept="$kept" '
function bad(what) { print "✗ " what; failed = 1; exit 2 }
function checkpoint(line, name,   text, part) {
  text = substr(line, 116, length(line) - 116); split(text, part, /[][",]+/); at = part[3]; hash = part[4]
  if (part[2] != "saphan-journal-checkpoint-1") bad("no checkpoint: " line)
  printf "%s", text >(to name ".text"); close(to name ".text"); print substr(line, 15, 86) >(to name ".sig"); close(to name ".sig") }
BEGIN { for (last = ""; length(last) < 64;) last = last "0"
  while (kept != "" && (getline line <kept) > 0) if (line ~ /^[{]"signature":/) { checkpoint(line, "kept"); kept_at = at; kept_hash = hash }
  if (kept != "" && !kept_at) bad("there is no checkpoint in " kept) }
/^[{]"key":/ { next }
/^[{]"hash":/ { n++; getline made <hashes
  if (substr($0, 152) + 0 != n) bad("entry " n " is missing, or another stands in its place")
  if (substr($0, 10, 64) != made) bad("entry " n " was edited: its hash is not that of its content")
  if (substr($0, 86, 64) != last) bad("entry " n " does not follow the one before")
  last = made; if (n == kept_at && last != kept_hash) bad("up to entry " n " it is not what the kept checkpoint signed"); next }
/^[{]"signature":/ { checkpoint($0, ++checks); if (at != n || hash != last) bad("the checkpoint of entry " at " is not of what stands there"); to_n = n; next }
{ bad("line " NR " is none of an export") }
END { if (failed) exit 2
  if (kept_at > n) bad("entries after " n " were deleted: the kept checkpoint is of entry " kept_at)
  print n + 0 " entries, " checks + 0 " checkpoints, the last of entry " to_n + 0 }' "$export_file" >"$dir/said" || { cat "$dir/said"; exit 2; }

# ES256 gives r and s, 32 bytes each, as base64url; openssl wants them as DER.
for text in $(find "$dir/sign" -name '*.text' | sort); do
  raw=$(tr -- '-_' '+/' <"${text%.text}.sig" | sed 's/$/==/' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
  printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%.64s\ns=INTEGER:0x%s\n' "$raw" "$(printf %s "$raw" | cut -c 65-)" >"$dir/der.conf"
  openssl asn1parse -genconf "$dir/der.conf" -noout -out "$dir/der" 2>/dev/null &&
    openssl dgst -sha256 -verify "$dir/key" -signature "$dir/der" "$text" >/dev/null 2>&1 ||
    { echo "✗ not signed with this key: $(cat "$text")"; exit 2; }
done
echo "✓ the journal holds: $(cat "$dir/said")"

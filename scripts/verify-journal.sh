#!/bin/sh
# Checks an export of the journal without Saphan, by openssl and standard tools; docs/journal.md says what is hashed and signed.
#
#   scripts/verify-journal.sh EXPORT [KEPT]    KEPT: what `saphan journal checkpoint` printed, kept elsewhere; its keys
#                                                count, and those that they vouch for
#
# Exit codes: 0 the journal holds, 2 it doesn't, 1 could not run.
set -eu
export LC_ALL=C
[ $# -ge 1 ] && [ -r "$1" ] && [ -r "${2:-$1}" ] || { echo "usage: verify-journal.sh EXPORT [KEPT]" >&2; exit 1; }
export_file=$1 kept=${2:-}
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT && mkdir "$dir/part" "$dir/text" "$dir/sign" "$dir/keys" "$dir/next"

# Is TEXT signed by KEY with SIG? ES256 gives r and s, 32 bytes each, as base64url; openssl wants them as DER.
signed() {
  raw=$(tr -- '-_' '+/' <"$2" | sed 's/$/==/' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
  printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%.64s\ns=INTEGER:0x%s\n' "$raw" "$(printf %s "$raw" | cut -c 65-)" >"$dir/der.conf"
  [ -r "$3" ] && openssl asn1parse -genconf "$dir/der.conf" -noout -out "$dir/der" 2>/dev/null &&
    openssl dgst -sha256 -verify "$3" -signature "$dir/der" "$1" >/dev/null 2>&1
}

awk -v to="$dir/keys/" '/^[{]"key":/ && match($0, /"kid":"[A-Za-z0-9_-]+"/) { kid = substr($0, RSTART + 7, RLENGTH - 8); pem = $0
  sub(/.*"pem":"/, "", pem); sub(/"}}$/, "", pem); gsub(/\\n/, "\n", pem); printf "%s", pem >(to kid); close(to kid) }' "${kept:-$1}"
for key in "$dir"/keys/*; do
  openssl pkey -pubin -in "$key" -noout || { echo "there is no public key in ${kept:-$1}" >&2; exit 1; }
done
# A key that came after the kept ones: the one before says so.
awk -v to="$dir/next/" '/^[{]"vouched":/ { text = substr($0, 107, length($0) - 107); split(text, part, /[][",]+/); name = to 1000 + ++n
  if (part[2] != "saphan-signing-key-1" || (part[3] part[4]) !~ /^[A-Za-z0-9_-]+$/) next
  printf "%s", text >(name ".text"); close(name ".text"); print substr($0, 13, 86) >(name ".sig"); close(name ".sig")
  print part[3], part[4] >(name ".ids"); close(name ".ids"); gsub(/\\n/, "\n", part[5]); printf "%s", part[5] >(name ".pem"); close(name ".pem") }' "$1"
for ids in $(find "$dir/next" -name '*.ids' | sort); do
  read -r by kid <"$ids"; name=${ids%.ids}
  if [ ! -e "$dir/keys/$kid" ] && signed "$name.text" "$name.sig" "$dir/keys/$by"; then cp "$name.pem" "$dir/keys/$kid"; fi
done

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
  if (part[2] != "saphan-journal-checkpoint-1" || part[6] !~ /^[A-Za-z0-9_-]+$/) bad("no checkpoint: " line)
  print part[6] >(to name ".kid"); close(to name ".kid")
  printf "%s", text >(to name ".text"); close(to name ".text"); print substr(line, 15, 86) >(to name ".sig"); close(to name ".sig") }
BEGIN { for (last = ""; length(last) < 64;) last = last "0"
  while (kept != "" && (getline line <kept) > 0) if (line ~ /^[{]"signature":/) { checkpoint(line, "kept"); kept_at = at; kept_hash = hash }
  if (kept != "" && !kept_at) bad("there is no checkpoint in " kept) }
/^[{]"(key|vouched)":/ { next }
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

for text in $(find "$dir/sign" -name '*.text' | sort); do
  signed "$text" "${text%.text}.sig" "$dir/keys/$(cat "${text%.text}.kid")" ||
    { echo "✗ not signed with this key: $(cat "$text")"; exit 2; }
done
echo "✓ the journal holds: $(cat "$dir/said")"

#!/usr/bin/env bash
# Runs the commands of the README's section on joining a network as they stand, but for their ports
# and the list's path: two municipalities join, and the first question is answered.
#   join_a_network.sh SOURCE BIN FOLDER
set -euo pipefail
readonly source=$1 bin=$2 folder=$3

rm -rf "$folder" && mkdir -p "$folder" && cd "$folder"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; cd /; rm -rf "$folder"' EXIT
export PATH=$bin:$PATH
# A hundred ports, below those that outgoing connections get, at which nobody listens now.
listening() {
  local at state
  while read -r _ at _ state _; do
    if [[ $state == 0A ]]; then echo $((16#${at##*:})); fi
  done </proc/net/tcp
}
while hundred=$((200 + RANDOM % 100)) && listening | grep "^$hundred..$" >/dev/null; do :; done
script=$(sed -n '/^## Join a network/,/^## Inspectors/p' "$source/README.md" |
  awk '/^```sh$/ {inside = 1; next} /^```$/ {inside = 0} inside' |
  sed -E -e "s#/path/to/#$source/#" -e "s#\\b70([0-9]{2})\\b#$hundred\\1#g")
set -x
eval "$script"
set +x
answer=$(nakadachi --profile 041009-staff.json query 5000001 --provider 072028)
grep -q "Provided: 2 records" <<<"$answer"

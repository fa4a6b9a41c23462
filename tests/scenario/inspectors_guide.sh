#!/usr/bin/env bash
# Runs the commands of the inspector's guide (tools/replay/README.md) as they stand, but for their
# folder and the build: each must succeed, and what is judged after tampering must give findings.
# The Japanese guide must have the same commands.
#   inspectors_guide.sh SOURCE BIN FOLDER
set -euo pipefail
readonly source=$1 bin=$2 folder=$3

commands() { awk '/^```$/ {inside = !inside; next} inside' ; }
guide() { sed -n "/^## An inspector's guide/,/^## What lives where/p" "$source/tools/replay/README.md"; }

diff <(guide | commands) <(commands <"$source/tools/replay/README.ja.md")

rm -rf "$folder" && mkdir -p "$folder"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
export PATH=$bin:$PATH
gives_findings() {
  local code=0
  "$@" || code=$?
  [[ $code == 1 ]] || { echo "$*: exit code $code instead of 1" >&2; exit 1; }
}
script=$(guide | commands | sed -E \
  -e '/^export PATH=/d' \
  -e 's#^tools/run #nakadachi-simulate #' \
  -e 's#^nakadachi-replay /tmp/nakadachi/(changed|altered|cut|foreign)$#gives_findings &#' \
  -e "s#/tmp/nakadachi#$folder/nakadachi#g")
[[ $(grep -c "^gives_findings" <<<"$script") == 4 ]]
set -x
eval "$script"

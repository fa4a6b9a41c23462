#!/usr/bin/env bash
# Fetches BoringSSL's source package through apt, which checks its signature chain, without root
# and without touching the machine's own apt lists: they seldom name source packages.
set -euo pipefail

readonly package=android-platform-external-boringssl

if [[ $# -ne 2 || $1 == --help ]]; then
  echo "usage: fetch.sh VERSION FOLDER    unpacks $package VERSION as FOLDER"
  [[ ${1:-} == --help ]] && exit 0 || exit 2
fi
readonly version=$1 destination=$2

fail() {
  echo "boringssl: $*" >&2
  exit 1
}

for program in apt-get dpkg-source xz patch; do
  command -v "$program" >/dev/null ||
    fail "$program is missing (tools/setup installs what the build needs)"
done
[[ ! -e $destination ]] || exit 0

parent=$(dirname "$destination")
mkdir -p "$parent"
parent=$(cd "$parent" && pwd)
# Beside the destination, so that the last step is one rename.
work=$(mktemp -d "$parent/.boringssl.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{sources,lists/partial,cache/archives/partial,download}

# The machine's own archives, asked for sources instead of binaries.
shopt -s nullglob
found=0
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [[ -r $file ]] || continue
  sed -n -E 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" >"$work/sources/$found.list"
  found=$((found + 1))
done
for file in /etc/apt/sources.list.d/*.sources; do
  [[ -r $file ]] || continue
  sed -E 's/^[Tt]ypes:.*/Types: deb-src/' "$file" >"$work/sources/$found.sources"
  found=$((found + 1))
done
[[ $found -gt 0 ]] || fail "apt has no archive configured in /etc/apt/sources.list(.d)"

options=(
  -o Dir::Etc::SourceList=/dev/null
  -o Dir::Etc::SourceParts="$work/sources"
  -o Dir::State::Lists="$work/lists"
  -o Dir::Cache="$work/cache"
  # The folder may be one that apt's own user cannot enter.
  -o APT::Sandbox::User="$(id -un)"
  -o Acquire::Languages=none
  -o Acquire::Retries=3
)

echo "boringssl: fetching $package $version through apt"
# Some other archive of the machine may fail or hold no sources; what counts is the package.
apt-get "${options[@]}" update >"$work/log" 2>&1 || true
if ! (cd "$work/download" &&
  apt-get "${options[@]}" source --download-only "$package=$version" >>"$work/log" 2>&1); then
  tail -n 40 "$work/log" >&2
  fail "apt could not fetch the source package $package $version"
fi

description=("$work"/download/*.dsc)
if ! dpkg-source --no-copy -x "${description[0]}" "$work/unpacked" >>"$work/log" 2>&1; then
  tail -n 40 "$work/log" >&2
  fail "${description[0]##*/} could not be unpacked"
fi

# Another build may have been faster; its tree is as good.
mv -T "$work/unpacked" "$destination" 2>/dev/null || [[ -d $destination ]] ||
  fail "$destination could not be created"
echo "boringssl: unpacked as $destination"

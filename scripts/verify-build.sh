#!/usr/bin/env bash
# Builds a release again from its commit and compares it with what was published.
#
#   scripts/verify-build.sh [--commit COMMIT] RELEASE
#
# RELEASE is the folder of a release, or a file SHA256SUMS alone. COMMIT is what to build:
# any name that git knows; without it, the commit that is checked out. The build happens in
# a fresh clone with a build cache of its own, both in a new folder under TMPDIR that is
# removed afterwards. GOCACHE_FOR_REBUILD names a cache to use instead of a new one.
#
# Changes in the working tree that are not committed have no part in it.
#
# It ends with
#   0   the same, bit for bit
#   1   different: the release is not what this commit builds, or was changed afterwards
#   2   not compared: something is missing, or this is another version of Go
#   64  the command line is wrong
set -u
# What a caller's make or git has set is about another folder.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE CDPATH

say() { printf 'verify-build: %s\n' "$*"; }
usage() { echo "usage: scripts/verify-build.sh [--commit COMMIT] RELEASE" >&2; exit 64; }
stop() { # stop PROBLEM [HINT]: nothing was compared
	say "$1" >&2
	[ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
	exit 2
}
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

commit=HEAD release=
while [ $# -gt 0 ]; do
	case $1 in
	--commit) [ $# -gt 1 ] || usage; commit=$2; shift 2 ;;
	-*) usage ;;
	*) [ -z "$release" ] || usage; release=$1; shift ;;
	esac
done
[ -n "$release" ] || usage
for tool in git make go; do
	command -v "$tool" >/dev/null || stop "$tool is not installed"
done
command -v sha256sum >/dev/null || command -v shasum >/dev/null || stop "neither sha256sum nor shasum is installed"

folder=
if [ -d "$release" ]; then
	folder=$(cd "$release" && pwd)
	sums=$folder/SHA256SUMS
else
	sums=$release
fi
[ -r "$sums" ] || stop "$sums cannot be read"
sums=$(cd "$(dirname "$sums")" && pwd)/$(basename "$sums")
if ! grep -q . "$sums" || grep -Evq '^[0-9a-f]{64}  [A-Za-z0-9._-]+$' "$sums"; then
	stop "$sums is no list of SHA-256 sums"
fi

source=$(cd "$(dirname "$0")/.." && git rev-parse --show-toplevel 2>/dev/null) || stop "this is no clone of the project" "clone the project, and run its scripts/verify-build.sh"
commit=$(git -C "$source" rev-parse --quiet --verify "$commit^{commit}") || stop "git knows no such commit" "git fetch --tags"

# The platforms are those of the published binaries.
platforms=$(sed -n 's/^.*  pam-rotate-script-\([a-z0-9]*\)-\([a-z0-9]*\)\(\.exe\)\{0,1\}$/\1\/\2/p' "$sums" | tr '\n' ' ')
[ -n "$platforms" ] || stop "$sums lists no binary"

# What the release says of itself, where its bill of materials is at hand.
claimed() { sed -n "/\"name\": \"pam-rotate-script:$1\"/{n;s/.*\"value\": \"\(.*\)\".*/\1/p;}" "$folder/sbom.cdx.json"; }
published_go=
if [ -n "$folder" ] && [ -r "$folder/sbom.cdx.json" ]; then
	published_go=$(claimed go)
	published_commit=$(claimed commit)
	if [ -n "$published_commit" ] && [ "$published_commit" != "$commit" ]; then
		stop "the release says that it is commit $published_commit, and $commit would be built" "--commit $published_commit"
	fi
	published_date=$(sed -n 's/^ *"timestamp": "\(.*\)",$/\1/p' "$folder/sbom.cdx.json")
	if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
		say "SOURCE_DATE_EPOCH is set, and goes into the binaries; the release has the date $published_date"
	elif [ "$published_date" != "$(TZ=UTC0 git -C "$source" log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd "$commit")" ]; then
		say "the release has the date $published_date, which is not the commit's; it will differ unless SOURCE_DATE_EPOCH says the same"
	fi
fi

work=$(mktemp -d) || stop "no folder can be made under ${TMPDIR:-/tmp}"
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM HUP

say "commit $commit"
git clone --quiet --no-checkout "$source" "$work/clone" &&
	git -C "$work/clone" -c advice.detachedHead=false checkout --quiet "$commit" || stop "the commit cannot be checked out"
pinned=$(sed -n 's/^toolchain //p' "$work/clone/go.mod")
here=$(cd "$work/clone" && go env GOVERSION) || stop "go does not start"
for want in $published_go $pinned; do
	[ "$want" = "$here" ] ||
		stop "the release is built with $want and this is $here, which makes other bytes" "GOTOOLCHAIN=$want fetches that version of Go and builds with it"
done
say "building again with $here: $platforms"
if ! GOCACHE=${GOCACHE_FOR_REBUILD:-$work/cache} make -C "$work/clone" release PLATFORMS="$platforms" >"$work/log" 2>&1; then
	cat "$work/log" >&2
	stop "the build failed"
fi

different=0
report() { say "$*"; different=1; }
rebuilt=$work/clone/dist/release/SHA256SUMS
sum_of() { sed -n "s/^\([0-9a-f]\{64\}\)  $(printf %s "$1" | sed 's/\./\\./g')\$/\1/p" "$2"; }
while read -r _ name; do
	published=$(sum_of "$name" "$sums") again=$(sum_of "$name" "$rebuilt")
	if [ -z "$published" ]; then
		report "MISSING    $name: it is built here, and the release does not list it"
	elif [ -z "$again" ]; then
		report "UNKNOWN    $name: the release lists it, and it is not built here"
	elif [ "$published" != "$again" ]; then
		report "DIFFERENT  $name: published $published, built here $again"
	elif [ -z "$folder" ]; then
		say "same       $name $again"
	elif [ ! -r "$folder/$name" ]; then
		report "ABSENT     $name: it is not in the folder"
	elif [ "$(sha256 <"$folder/$name" | cut -d' ' -f1)" != "$again" ]; then
		report "CHANGED    $name: the file is not the one that SHA256SUMS lists"
	else
		say "same       $name $again"
	fi
done < <(sort -k2 -u "$sums" "$rebuilt")

if [ $different -ne 0 ]; then
	say "the release is NOT what commit $commit builds"
	exit 1
fi
say "the release is what commit $commit builds, bit for bit"

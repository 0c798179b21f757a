#!/usr/bin/env bash
# Signs a release with an SSH key that the publisher holds.
#
#   scripts/sign-release.sh KEY IDENTITY [RELEASE]
#
# KEY is a private key, or the public half of one that ssh-agent or a hardware key holds.
# It stays outside of this project. IDENTITY is the name under which people know the key,
# such as releases@example.com. RELEASE is the folder, dist/release without it.
#
# It checks the folder against SHA256SUMS, writes SHA256SUMS.sig, verifies it, and prints
# the line by which others can verify it. It ends with 0 if the release is signed, with 1
# if not, and with 64 if the command line is wrong.
set -u

# The signature is for this purpose, and good for no other.
namespace=pam-rotate-script-release

stop() { printf 'sign-release: %s\n' "$*" >&2; exit 1; }
if [ $# -lt 2 ] || [ $# -gt 3 ] || [ -z "$1" ] || [ -z "$2" ]; then
	echo "usage: scripts/sign-release.sh KEY IDENTITY [RELEASE]" >&2
	exit 64
fi
project=$(cd "$(dirname "$0")/.." && pwd -P)
key=$1 identity=$2 release=${3:-$project/dist/release}
case $identity in *[[:space:]\",\*\?!]*) stop "the identity holds a character that ssh-keygen takes for something else" ;; esac
command -v ssh-keygen >/dev/null || stop "ssh-keygen is not installed"
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

unset CDPATH
[ -r "$key" ] || stop "the key cannot be read"
case "$(cd "$(dirname "$key")" && pwd -P)/" in
"$project"/*) stop "the key lies in the project's folder, from where it may be published; keep it elsewhere" ;;
esac
[ -r "$release/SHA256SUMS" ] || stop "there is no SHA256SUMS in $release: make release first"
(cd "$release" && sha256 -c SHA256SUMS >/dev/null 2>&1) || stop "the files are not those that SHA256SUMS lists"
for file in "$release"/*; do
	name=$(basename "$file")
	case $name in SHA256SUMS | SHA256SUMS.sig) continue ;; esac
	cut -c67- "$release/SHA256SUMS" | grep -Fxq -- "$name" || stop "$name is in the folder, and SHA256SUMS does not list it"
done

rm -f "$release/SHA256SUMS.sig"
ssh-keygen -Y sign -n "$namespace" -f "$key" "$release/SHA256SUMS" || stop "ssh-keygen could not sign"
work=$(mktemp -d) || stop "no folder can be made under ${TMPDIR:-/tmp}"
trap 'rm -rf "$work"' EXIT
# The public half: KEY itself, the file beside it, or what the private key yields.
if grep -Eq '^(ssh|ecdsa|sk)-' "$key"; then
	cp "$key" "$work/public"
elif [ -r "$key.pub" ]; then
	cp "$key.pub" "$work/public"
else
	ssh-keygen -y -f "$key" >"$work/public" || stop "the public half of the key is not known"
fi
printf '%s namespaces="%s" %s\n' "$identity" "$namespace" "$(cut -d' ' -f1,2 "$work/public")" >"$work/allowed_signers"
ssh-keygen -Y verify -f "$work/allowed_signers" -I "$identity" -n "$namespace" -s "$release/SHA256SUMS.sig" <"$release/SHA256SUMS" ||
	{ rm -f "$release/SHA256SUMS.sig"; stop "the signature does not verify"; }
echo "Publish this line where people can trust it, apart from the release, as their file allowed_signers:"
cat "$work/allowed_signers"

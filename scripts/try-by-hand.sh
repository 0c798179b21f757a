#!/bin/bash
# Tries a payload by hand, the way the Gateway would hand it over: one line of base64
# on a pipe. It shows the payload's shape, then does everything but the write, and
# changes the password only when told to.
#
#   install -m 600 testdata/payloads/teramind.json payload.json
#   editor payload.json
#   scripts/try-by-hand.sh payload.json
#   scripts/try-by-hand.sh --rotate payload.json
#
# The exit code is 0 if a rotation could go ahead, with --rotate if the password was
# changed, and otherwise the program's own. Remove the file afterwards: it holds
# passwords.
set -u -o pipefail

usage() {
	echo "usage: ${0##*/} [--rotate] [--binary PROGRAM] PAYLOAD.json" >&2
	exit 64
}

refuse() {
	echo "${0##*/}: $1" >&2
	exit 1
}

binary=$(dirname -- "$0")/../bin/pam-rotate-script
rotate=no
file=
while [ $# -gt 0 ]; do
	case $1 in
	--rotate) rotate=yes ;;
	--binary)
		[ $# -ge 2 ] || usage
		binary=$2
		shift
		;;
	-*) usage ;;
	*)
		[ -z "$file" ] || usage
		file=$1
		;;
	esac
	shift
done
[ -n "$file" ] || usage

if [ ! -f "$binary" ] || [ ! -x "$binary" ]; then
	refuse "there is no program $binary: make build makes it, --binary names another"
fi
[ -f "$file" ] || refuse "there is no file $file"
[ -r "$file" ] || refuse "$file cannot be read"
# Whoever may write to it could send the credential elsewhere.
permissions=$(find -L "$file" \( -perm -040 -o -perm -020 -o -perm -004 -o -perm -002 \) -print) ||
	refuse "the permissions of $file cannot be read"
[ -z "$permissions" ] || refuse "others than its owner can read or write $file, which holds passwords: chmod 600 $file"

# The payload goes from pipe to pipe. In a variable or an argument it would show
# under bash -x or in the list of processes.
run() {
	base64 <"$file" | tr -d '\n' | "$binary" "$@"
}

echo "== inspect: the shape of the payload, without its values"
run inspect --exit-zero || exit

echo
echo "== check: everything but the write"
run check --exit-zero || exit

if [ $rotate = no ]; then
	echo
	echo "Nothing was changed. With --rotate the password is set."
	exit 0
fi

echo
echo "== rotate"
run
code=$?
echo "exit code $code"
exit $code

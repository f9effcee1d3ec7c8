# Takes a program in from standard input: PLACE LENGTH SHA256 ARGUMENT. It is put into its place in one step, when all of
# it is there and it runs; a connection that is cut changes nothing.
set -eu
place=$1 length=$2 sum=$3 argument=$4
mkdir -p "${place%/*}"
new=$(mktemp "$place.XXXXXX")
trap 'rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE # nobody may be left to hear what went wrong
fail() {
    echo "$place: $1" >&2
    exit 1
}
cat >"$new" || fail 'it cannot be written'
[ "$(wc -c <"$new")" -eq "$length" ] || fail 'not all of it arrived'
is=$(sha256sum "$new")
[ "${is%% *}" = "$sum" ] || fail 'something else arrived'
chmod 0755 "$new"
said=$("$new" "$argument" 2>&1 >/dev/null) || fail "it does not run here: $said"
mv -f "$new" "$place"

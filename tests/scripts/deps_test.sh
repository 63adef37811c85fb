#!/usr/bin/env bash
# tools/deps without root names the missing packages and the command and stops; as root it installs just these.
set -euo pipefail
deps=${LATHE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}/tools/deps
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Stand-ins: every package but mold is there; apt-get only notes what it was asked.
cat >"$work/dpkg-query" <<'END'
#!/bin/sh
for word; do package=$word; done
[ "$package" = mold ] && [ ! -e "$STUB_ALL" ] && exit 1
echo installed
END
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$STUB_USER"\n' >"$work/id"
printf '#!/bin/sh\necho "$@" >>"%s/asked"\n' "$work" >"$work/apt-get"
chmod +x "$work"/*
export PATH=$work:$PATH STUB_ALL=$work/all STUB_USER=1000

fail() { echo "$1"; exit 1; }
status=0
"$deps" --install 2>"$work/out" || status=$?
[ "$status" = 1 ] || fail "without root: status $status"
grep -q "missing Debian packages: mold$" "$work/out" || fail "packages not named: $(cat "$work/out")"
grep -q "sudo apt-get install -y --no-install-recommends mold$" "$work/out" || fail "command not named: $(cat "$work/out")"
[ ! -e "$work/asked" ] || fail "installed without root"

STUB_USER=0 "$deps" --install >/dev/null
grep -qx "install -y --no-install-recommends mold" "$work/asked" || fail "asked apt-get for: $(cat "$work/asked")"

rm "$work/asked"
touch "$STUB_ALL"
"$deps" --install
"$deps" --check
[ ! -e "$work/asked" ] || fail "installed although nothing was missing"

status=0
"$deps" --frobnicate 2>/dev/null || status=$?
[ "$status" = 2 ] || fail "unknown flag: status $status"

# Every pinned wheel carries its SHA-256.
"$deps" --list | awk '$1 == "wheel" && (NF != 4 || $4 !~ /^[0-9a-f]+$/ || length($4) != 64) {print "bad pin: " $0; bad = 1} END {exit bad}'

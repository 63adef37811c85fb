#!/usr/bin/env bash
# An installed lathe works from wherever its folder is moved, with its own copies of the third-party libraries.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$LATHE_BUILD" --prefix "$work/first" >"$work/install.log" || { tail -n 20 "$work/install.log"; exit 1; }
mv "$work/first" "$work/moved"
lathe=$work/moved/bin/lathe

libraries=$(ldd "$lathe")
if grep -qE "not found|$LATHE_BUILD" <<<"$libraries"; then
  echo "$libraries"
  exit 1
fi
# Whatever is not the C or C++ run time or the system's MPI comes from the moved folder.
mpi=$(awk '/libmpi/ {print $3}' <<<"$libraries")
[ -z "$mpi" ] || ldd "$mpi" | awk '/=>/ {print $3}' >"$work/of_mpi"
echo "$mpi" >>"$work/of_mpi"
outside=$(awk '/=>/ {print $3}' <<<"$libraries" | grep -v "^$work/moved/bin/../lib/lathe/" |
  grep -vE '/(ld-linux|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s))[-.]' | grep -vxFf "$work/of_mpi" || true)
[ -z "$outside" ] || { echo "taken from outside the folder: $outside"; exit 1; }
if grep -qaF "$LATHE_SOURCE/src" "$lathe"; then
  echo "the program names the source folder"
  exit 1
fi

cd /
run() { env -i HOME="$work" PATH=/usr/bin:/bin LATHE_BASE_DIR="$work/base" "$lathe" "$@"; }
run --version >"$work/version"
grep -q '^lathe [0-9]' "$work/version"
run doctor >"$work/doctor"
grep -q "libspdlog" "$work/doctor"
[ -s "$work/moved/share/lathe/licences/lathe" ]

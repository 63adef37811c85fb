#!/usr/bin/env bash
# The checkout keeps its own rules, and tools/check_rooms finds each kind of violation when one is planted.
set -euo pipefail
source_dir=${LATHE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
checker=$source_dir/tools/check_rooms
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$checker" "$source_dir"

# clean: the smallest house without a finding.
clean() {
  rm -rf "$work/house"
  mkdir -p "$work/house/src/core" "$work/house/src/tensor" "$work/house/src/ops/cpu"
  printf '#pragma once\n' >"$work/house/src/core/a.h"
  printf '#pragma once\n#include "core/a.h"\n' >"$work/house/src/core/b.h"
  printf '#include "core/a.h"\n' >"$work/house/src/tensor/t.cc"
  printf '#include <hwy/highway.h>\n' >"$work/house/src/ops/cpu/k-inl.h"
  printf 'lathe_room(core)\nlathe_room(tensor DEPS core LINK x::y)\n' >"$work/house/CMakeLists.txt"
}
clean
"$checker" "$work/house"

# finds NAME 'expected words': after a planted change the checker fails with these words.
finds() {
  local out
  if out=$("$checker" "$work/house"); then
    echo "not found: $1"
    exit 1
  fi
  grep -qF "$2" <<<"$out" || { echo "$1: expected \"$2\" in:"; echo "$out"; exit 1; }
  clean
}
house=$work/house
printf '#pragma once\n#include "tensor/t.h"\n' >"$house/src/core/c.h"; printf '#pragma once\n' >"$house/src/tensor/t.h"
finds "wrong edge" "core may not include tensor"
printf '#pragma once\n#include "core/b.h"\n' >"$house/src/core/a.h"
finds "cycle" "include cycle: "
mkdir "$house/src/infer"; printf '#include "ops/cpu/k-inl.h"\n' >"$house/src/infer/x.cc"
finds "kernel from outside" "only ops may include kernels"
printf '#pragma once\n#include <nlohmann/json.hpp>\n' >"$house/src/core/c.h"
finds "heavy header" "<nlohmann/json.hpp> in a header"
printf '#pragma once\n#include <hwy/highway.h>\n' >"$house/src/core/c.h"
finds "Highway outside the kernels" "<hwy/highway.h> in a header"
mkdir "$house/src/attic"; printf 'int x;\n' >"$house/src/attic/x.cc"
finds "unknown room" '"attic" is no room'
printf 'int a;\n' >"$house/src/core/c.h"
finds "no pragma once" "no #pragma once"
yes 'int a;' | head -n 801 >"$house/src/core/c.cc" || true
finds "long file" "801 lines"
printf 'int a; \n' >"$house/src/core/c.cc"
finds "trailing blank" "trailing blanks"
printf 'int a;' >"$house/src/core/c.cc"
finds "end of file" "no newline at the end"
printf '// \303\251\n' >"$house/src/core/c.cc"
finds "non-ASCII" "non-ASCII character"
printf 'lathe_room(core DEPS tensor)\n' >"$house/CMakeLists.txt"
finds "CMake edge" "core may not depend on tensor"
rm -rf "$house/src"; mkdir "$house/src"
finds "empty house" "no source file found"

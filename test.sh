#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The last line is "N passed, N failed, N skipped".
#
# usage: ./test.sh [--all]
#   --all   also the clang build, the sanitizers and the long runs
# LATHE_GOLDEN and LATHE_DATA name the folders of golden and of real data; without them such tests are skipped.
set -euo pipefail
cd "$(dirname "$0")"
start=$SECONDS
jobs=$(nproc)

all=0
for argument in "$@"; do
  case $argument in
    --all) all=1 ;;
    -h | --help) sed -n '4,6s/^# //p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument \"$argument\"" >&2; exit 2 ;;
  esac
done

groups=(build browser)
[ "$all" = 0 ] || groups+=(clang)
tools/deps --install "${groups[@]}"

# build PRESET [target...]
build() {
  local preset=$1
  shift
  echo "== build $preset"
  mkdir -p build
  cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || { cat "build/configure-$preset.log"; exit 1; }
  cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
}

build release
echo "built in $((SECONDS - start)) s"
suites=(build/release)
if [ "$all" = 1 ]; then
  export LATHE_LONG=1
  build clang
  build asan
  build ubsan
  build tsan test_core test_net test_infer test_serve
  suites+=(build/clang build/asan build/ubsan build/tsan)
fi
status=0
tools/run_tests "${suites[@]}" | tee build/test_summary.txt | sed -u '$d' || status=$?
echo "total time $((SECONDS - start)) s"
tail -n 1 build/test_summary.txt
exit "$status"

#!/usr/bin/env bash
# tools/run_tests counts single tests, keeps skipped apart, and fails on failures, crashes and when nothing ran.
set -euo pipefail
source_dir=${LATHE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tools" "$work/tests/scripts" "$work/build/tests"
cp "$source_dir/tools/run_tests" "$work/tools/"

# program NAME STATUS 'JSON of its tests': a stand-in for a GoogleTest binary.
program() {
  cat >"$work/build/tests/$1" <<END
#!/bin/sh
[ -z '$3' ] || echo '{"testsuites": [{"name": "S", "testsuite": [$3]}]}' >"\${1#--gtest_output=json:}"
exit $2
END
  chmod +x "$work/build/tests/$1"
}
script() { printf '#!/bin/sh\nexit %s\n' "$2" >"$work/tests/scripts/$1.sh"; chmod +x "$work/tests/scripts/$1.sh"; }
expect() {
  local status=0 out
  out=$("$work/tools/run_tests" "$work/build") || status=$?
  if [ "$(tail -n 1 <<<"$out")" != "$2" ] || [ "$status" != "$1" ]; then
    echo "expected \"$2\" and status $1, got status $status and:"
    echo "$out"
    exit 1
  fi
}

expect 1 "0 passed, 0 failed, 0 skipped"
program test_good 0 '{"name": "a", "result": "COMPLETED"}, {"name": "b", "result": "SKIPPED"}, {"name": "c", "result": "COMPLETED"}'
script good 0
script absent 77
expect 0 "3 passed, 0 failed, 2 skipped"
program test_bad 1 '{"name": "d", "result": "COMPLETED", "failures": [{"failure": "x"}]}, {"name": "e", "result": "COMPLETED"}'
expect 1 "4 passed, 1 failed, 2 skipped"
program test_bad 134 ''
expect 1 "3 passed, 1 failed, 2 skipped"
program test_bad 1 '{"name": "f", "result": "COMPLETED"}'
expect 1 "4 passed, 1 failed, 2 skipped"
rm "$work/build/tests/test_bad"
script bad 1
expect 1 "3 passed, 1 failed, 2 skipped"

#!/usr/bin/env bash
# The chat page in a real browser, by Playwright: functions, safety, storage, keyboard, contrast, axe against a server by script, and the
# page against `lathe serve` with a small model. LATHE_PYTHON names an interpreter that has Playwright, else python3; skipped where there is none.
set -euo pipefail
python=${LATHE_PYTHON:-python3}
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { echo "no Chromium"; exit 77; }
"$python" -c 'import playwright' 2>/dev/null || { echo "no Python with playwright"; exit 77; }
# shellcheck source=tests/scripts/server_fixture.bash
source "${LATHE_SOURCE:?}/tests/scripts/server_fixture.bash"

# failures LOG: once more at the end, for whoever sees only that, which tests failed at which of their lines, and why.
failures() {
  grep -E '^(FAIL|ERROR): |^  File .*_test\.py|^[A-Za-z.]*(Error|Exception)\b|^(Locator|Expect|Actual|Received)' "$1" | cut -c1-300
}

# check NAME...: the test programs of these names, one after the other.
check() {
  local name
  for name in "$@"; do
    "$python" "$LATHE_SOURCE/tests/web/${name}_test.py" >"$name.log" 2>&1 || { cat "$name.log"; failures "$name.log"; return 1; }
    echo "$name: $(tail -n 1 "$name.log")"
  done
}
check chat access &
first=$!
status=0
check safety windows markdown || status=1
wait "$first" || status=1  # never left behind
[ "$status" = 0 ] || fail "the page"
make_model
LATHE=$lathe LATHE_CHAT_BASE=$LATHE_BASE_DIR LATHE_CHAT_TAG=small check served || fail "the page of lathe serve"

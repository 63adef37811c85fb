#!/usr/bin/env bash
# The tiny speedrun from corpus to report, then its model asked a question through the real server by a real browser.
set -euo pipefail
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -9 "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "speedrun_test: $1" >&2; exit 1; }

cd "$LATHE_SOURCE"
LATHE_BASE_DIR=$work ./speedrun.sh --tiny --no-chat >"$work/log" 2>&1 || { tail -30 "$work/log"; fail "the speedrun failed"; }
base=$work/tiny
for file in base_checkpoints/tiny chatsft_checkpoints/tiny report/report.html report/report.json eval_results/tiny/sft/summary.json; do
  [ -e "$base/$file" ] || fail "$file is missing"
done
"$LATHE" eval show tiny/sft --base-dir "$base" --task spelling --all -n 2 >"$work/show.out" || fail "the answers cannot be read"
grep -q -- '^--- spelling, item 0 ' "$work/show.out" || { cat "$work/show.out"; fail "no answer is shown"; }
"$LATHE" eval compare tiny/sft tiny/sft --base-dir "$base" >"$work/compare.out" || fail "a run cannot be compared with itself"
grep -q '^spelling .*no difference shown$' "$work/compare.out" || { cat "$work/compare.out"; fail "a run differs from itself"; }

browser=$(command -v chromium || true)
[ -n "$browser" ] || exit 77
"$LATHE" serve --base-dir "$base" --tag tiny --port 0 --temperature 0 >"$work/serve.out" 2>"$work/serve.err" &
server=$!
url=
for _ in $(seq 1200); do
  url=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/serve.out" | head -1 || true)
  [ -n "$url" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$work/serve.err"; fail "the server did not start"; }
answer=$(python3 tests/scripts/ask_page.py "$browser" "$url" "What is 12 + 30?")
echo "the page answered: $answer"
[ -n "$answer" ] || fail "the page stayed empty"
kill "$server"
wait "$server" || fail "the server did not stop cleanly"
server=

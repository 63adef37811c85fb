#!/usr/bin/env bash
# lathe corpus as a process: killed at any moment it goes on with the same bytes; two at once do not disturb each other; memory is bounded;
# the number of threads changes nothing. Rows L-2.1, L-2.38, L-2.39, L-1.14.
set -uo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset LATHE_BASE_DIR RANK WORLD_SIZE
failures=0
fail() {
  echo "$1"
  failures=$((failures + 1))
}

# 40 MB of records, one in eight of them a copy.
awk 'BEGIN {
  srand(1)
  for (i = 0; i < 120000; ++i) {
    if (i % 8 == 3) { print kept; continue }
    line = "{\"text\": \""
    for (w = 0; w < 40; ++w) line = line sprintf("%c%c%c%c%c ", 97 + rand() * 26, 97 + rand() * 26, 97 + rand() * 26, 97 + rand() * 26, 97 + rand() * 26)
    line = line "\"}"
    print line
    if (i % 5 == 0) kept = line
  }
}' >a.jsonl
cat >mix.json <<'JSON'
{"name": "mix", "quality": {"quality": []}, "processing_params": {"shard_size": 9000},
 "sources": [{"name": "a", "path": "a.jsonl", "weight": 2}, {"name": "b", "path": "a.jsonl", "max_documents": 20000, "weight": 1}]}
JSON
# digest FOLDER: of all its files, of the manifest without its times
digest() {
  (cd "$1" && for file in *; do
    if [ "$file" = manifest.json ]; then grep -vE '"(started|ended|seconds)":' "$file" | sha256sum; else sha256sum "$file"; fi
  done)
}

run() { # run FOLDER [FLAG ...]
  local folder=$1
  shift
  "$LATHE" corpus --config mix.json --base-dir base --output-dir "$folder" "$@" >"$folder.out" 2>"$folder.err"
}

OMP_NUM_THREADS=1 run one || fail "one thread: $(cat one.err)"
OMP_NUM_THREADS=2 run two || fail "two threads: $(cat two.err)"
[ "$(digest one)" = "$(digest two)" ] || fail "one and two threads give different bytes"

# Killed again and again, a little later each time, until it gets through.
kills=0
for delay in 0.3 0.6 0.9 1.2 1.6 2.0 2.5 3 4 5; do
  [ "$kills" -ge 1 ] || rm -rf killed  # it was faster: from the start again
  "$LATHE" corpus --config mix.json --base-dir base --output-dir killed >killed.out 2>killed.err &
  process=$!
  sleep "$delay"
  if kill -9 "$process" 2>/dev/null; then
    kills=$((kills + 1))
    [ -e killed ] && [ ! -e killed/manifest.json ] && fail "a killed run left a folder without a manifest"
  fi
  wait "$process" 2>/dev/null
done
run killed || fail "after $kills kills: $(cat killed.err)"
[ "$kills" -ge 1 ] || fail "no run was killed"
[ "$(digest one)" = "$(digest killed)" ] || fail "after $kills kills the bytes are different"
[ -e killed.partial ] && fail "the folder of the interrupted run is still there"

# Two processes, one folder: one of them works, the other says so.
"$LATHE" corpus --config mix.json --base-dir base --output-dir both >both1.out 2>both1.err &
first=$!
until [ -d both.partial ] || ! kill -0 "$first" 2>/dev/null; do sleep 0.02; done
"$LATHE" corpus --config mix.json --base-dir base --output-dir both >both2.out 2>both2.err
second=$?
wait "$first"
status=$?
[ "$status" = 0 ] || [ "$second" = 0 ] || fail "neither of two processes finished"
[ "$(digest one)" = "$(digest both)" ] || fail "two processes at once: other bytes"
if [ "$second" != 0 ]; then grep -q "another process" both2.err || fail "the second process: $(cat both2.err)"; fi

# Four times the text: no more memory.
cat a.jsonl a.jsonl a.jsonl a.jsonl >four.jsonl
peak() { # peak FILE: of a run over it, in MB
  echo "{\"name\": \"p\", \"path\": \"$1\", \"quality\": {\"quality\": []}}" >peak.json
  OMP_NUM_THREADS=2 "$LATHE" corpus --config peak.json --base-dir base --output-dir peak --force --memory-mb 16 --json 2>peak.err | tail -1 |
    grep -oE '"peak_rss_mb": [0-9]+' | grep -oE '[0-9]+$'
}
once=$(peak a.jsonl)
often=$(peak four.jsonl)
echo "peak memory: $once MB for one text, $often MB for four times as much"
[ "$often" -le $((once + 30)) ] || fail "memory grows with the corpus: $once MB, then $often MB"

# Interrupted by a signal: status 3.
"$LATHE" corpus --config mix.json --base-dir base --output-dir stopped >stopped.out 2>stopped.err &
process=$!
until [ -d stopped.partial ] || ! kill -0 "$process" 2>/dev/null; do sleep 0.02; done  # it has begun, and listens to signals
kill -TERM "$process" 2>/dev/null
wait "$process"
status=$?
[ "$status" = 3 ] || [ "$status" = 0 ] || fail "after SIGTERM: status $status"

[ "$failures" = 0 ] && echo "all passed ($kills kills)"
exit $((failures > 0))

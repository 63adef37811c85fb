#!/usr/bin/env bash
# lathe pack killed at random moments, started twice at once, and on a full disk: what a later stage would accept is whole or
# absent, and the next run ends with the same bytes. L-1.14, L-4.9
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LATHE_BASE_DIR RANK WORLD_SIZE
cd "$work"
RANDOM=20261

fail() {
  echo "$1"
  exit 1
}
start() {  # FOLDER: packs in the background, pid in $pid
  "$LATHE" pack --data base/base_data --tokenizer-dir base/tokenizer --output-dir "$1" --sequence-length 64 "${@:2}" >"$1.out" 2>&1 &
  pid=$!
}
same() {  # FOLDER: its shards are those of "whole"
  local file
  for file in train.bin train.idx val.bin val.idx; do cmp "whole/$file" "$1/$file" || fail "$1/$file differs"; done
}

"$LATHE" synth --base-dir base --size-mb 8 --conversations 10 --cases 5 >/dev/null 2>&1 || fail "synth"
"$LATHE" tokenizer train --base-dir base --vocab-size 400 --max-chars 500000 >/dev/null 2>&1 || fail "tokenizer train"
start whole
wait "$pid" || fail "pack: $(cat whole.out)"

kills=0
for _ in $(seq 40); do
  start killed --num-workers $((RANDOM % 4))
  sleep "0.$(printf %03d $((20 + RANDOM % 400)))"
  if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
  wait "$pid" 2>/dev/null || true
  if [ -e killed ]; then
    same killed
    rm -rf killed
  fi
  [ "$kills" -lt 8 ] || break
done
[ "$kills" -ge 3 ] || fail "only $kills runs could be killed"
start killed
wait "$pid" || fail "pack after kills: $(cat killed.out)"
same killed
[ "$(find killed -type f | wc -l)" = 6 ] || fail "killed holds other files: $(ls -A killed)"
[ ! -e killed.partial ] || fail "killed.partial remains"

# Two at once: one does the work, the other is told, or finds it done.
start twice
first=$pid
status=0
"$LATHE" pack --data base/base_data --tokenizer-dir base/tokenizer --output-dir twice --sequence-length 64 >second.out 2>&1 || status=$?
wait "$first" || [ "$status" = 0 ] || fail "both failed: $(cat twice.out second.out)"
[ "$status" = 0 ] || grep -q "another process" second.out || fail "second: $(cat second.out)"
same twice

# A file-size limit stands in for a full disk: the write fails as it would there.
status=0
(
  ulimit -f 1000
  trap '' XFSZ
  "$LATHE" pack --data base/base_data --tokenizer-dir base/tokenizer --output-dir full --sequence-length 64 >full.out 2>&1
) || status=$?
[ "$status" = 1 ] || fail "full disk: status $status: $(cat full.out)"
[ ! -e full ] || fail "a folder stands after a full disk"
grep -q "cannot write" full.out || fail "full disk: $(cat full.out)"
start full
wait "$pid" || fail "after a full disk: $(cat full.out)"
same full

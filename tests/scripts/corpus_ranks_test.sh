#!/usr/bin/env bash
# A corpus made by 1, 2 and 4 ranks is the same, byte for byte, also where a rank was killed and others went on, where a
# budget ends a source early, and where there are more ranks than parts. L-1.25, L-2.24, L-2.38
set -euo pipefail
lathe=${LATHE:?}
command -v mpirun >/dev/null || exit 77
grep -q libmpi <<<"$(ldd "$lathe")" || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1
cd "$work"
fail() { echo "$1"; exit 1; }
ranks() { timeout -k 5 600 mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$1" "$lathe" corpus --config mix.json --output-dir "$2" "${@:3}" >"$2.log" 2>&1; }

# Short documents: a part has at most 32 blocks of 1024. Some stand twice, some differ in a word.
documents() {  # COUNT SEED
  awk -v n="$1" -v seed="$2" 'BEGIN {srand(seed); for (i = 0; i < n; i++) {
    if (i < 9 || rand() < 0.9) {old = line; line = "the river"; for (k = 0; k < 6; k++) line = line " of w" int(rand() * 90000) " and to"}
    else if (rand() < 0.5) line = old
    print "{\"text\": \"" line (rand() < 0.02 ? " and more" : "") "\"}"}}'
}
documents 150000 1 >long.jsonl       # five parts
documents 110000 2 >budget.jsonl     # of four parts, of which the budget needs fewer
documents 3000 3 >short.jsonl
cat >mix.json <<END
{"name": "ranks", "quality": {"quality": []}, "sources": [
  {"name": "long", "path": "$work/long.jsonl"},
  {"name": "budget", "path": "$work/budget.jsonl", "token_budget": 1200000},
  {"name": "short", "path": "$work/short.jsonl"}]}
END
same() {
  local file
  for file in "$1"/*; do
    if [ "${file##*/}" = manifest.json ]; then
      diff <(grep -vE '"(started|ended|seconds)"' "$file") <(grep -vE '"(started|ended|seconds)"' "$2/manifest.json") || fail "$2: another manifest"
    else
      cmp "$file" "$2/${file##*/}" || fail "$2: another ${file##*/}"
    fi
  done
  [ "$(ls "$1")" = "$(ls "$2")" ] || fail "$2: other files"
}

ranks 1 one || fail "one rank: $(tail -n 5 one.log)"
for n in 2 4; do
  ranks "$n" "by$n" || fail "$n ranks: $(tail -n 5 "by$n.log")"
  same one "by$n"
  [ "$(grep -c '^Saved corpus' "by$n.log")" = 1 ] || fail "$n ranks print once"
done
grep -q '"near"' one/manifest.json || fail "no near-duplicates counted"

# Again: nothing to do, on any rank.
ranks 2 one || fail "already done: $(tail -n 5 one.log)"
grep -q '^already done' one.log || fail "an existing corpus was not recognised"

# A rank is killed once parts are there; then another number of ranks goes on. Where the run was faster than the kill it is begun anew.
children() { local parent; for parent in "$@"; do pgrep -P "$parent" || true; done; }
victim_of() {  # JOB: one of the ranks below the shell, timeout and mpirun; nothing while there is none
  local family=$1 one
  for _ in 1 2 3; do
    # shellcheck disable=SC2086  # several ids
    family=$(children $family)
  done
  for one in $family; do
    if [ "$(cat "/proc/$one/comm" 2>/dev/null)" = lathe ]; then echo "$one"; return; fi
  done
}
killed=
for _ in 1 2 3 4 5 6 7 8; do
  rm -rf killed killed.partial
  ranks 2 killed &
  job=$!
  victim=
  until [ -n "$(find killed.partial/.passes -name '*.json' -print -quit 2>/dev/null)" ] || ! kill -0 "$job" 2>/dev/null; do
    [ -n "$victim" ] || victim=$(victim_of "$job")
    sleep 0.02
  done
  [ -n "$victim" ] || victim=$(victim_of "$job")
  if [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null; then killed=$victim; fi
  status=0
  wait "$job" || status=$?
  if [ -n "$killed" ] && [ "$status" != 0 ] && [ ! -e killed ]; then break; fi
  [ -e killed ] || fail "status $status and no result: $(tail -n 5 killed.log)"
  same one killed  # whole, although a rank may have been killed behind its last word
  killed=
done
[ -n "$killed" ] || fail "a killed rank went unnoticed, or every run was over before the kill"
ranks 4 killed || fail "going on: $(tail -n 5 killed.log)"
grep -q '^going on with the interrupted run' killed.log || fail "nothing was taken up"
same one killed

# What fails on all ranks ends, and says why.
if ranks 2 wrong --source-map nobody=long.jsonl; then fail "a wrong source map"; fi
grep -q 'no source "nobody"' wrong.log || fail "no reason: $(cat wrong.log)"
# Other verbs are no ranks.
if mpirun --allow-run-as-root --oversubscribe --bind-to none -n 2 "$lathe" doctor >doctor.log 2>&1; then fail "doctor as two ranks"; fi
grep -q 'runs as one process, 2 were asked for' doctor.log || fail "doctor: $(cat doctor.log)"

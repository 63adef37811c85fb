#!/usr/bin/env bash
# A run killed at ten random moments and resumed ends with the bytes of one that was never stopped; so does one stopped
# by a signal (exit status 3). Base training and fine-tuning. C-6.7, C-6.18, C-8.13
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
RANDOM=20261

same_end() {  # RUN RUN STEP
  local file
  for file in model.safetensors optimizer.safetensors; do
    cmp "$1/$3/$file" "$2/$3/$file" || fail "$2 ends with another $file"
  done
}
# Steps and the first figure of each line: what does not depend on the clock.
curve() { grep -o '"step": [0-9]*, "[a-z/]*": [^,]*' "$1/metrics.jsonl"; }

# kill_often KILLS VERB TAG RUN LAST: kills and resumes until KILLS hits, then lets it end.
kill_often() {
  local kills=0
  while [ "$kills" -lt "$1" ]; do
    start "$2" "$3" --resume
    sleep "0.$(printf %03d $((40 + RANDOM % 500)))"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
    if [ -d "$4/$5" ]; then  # it was faster: another round from the start
      same_end "${4%/*}/whole" "$4" "$5"
      rm -rf "$4"
    fi
  done
  run "$2" "$3" --resume || fail "the last $2 --resume"
}
# stop_once VERB TAG RUN: SIGTERM after the second step. Where it was faster it is started anew.
stop_once() {
  local status
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$3" "$2.$1.out"
    status=0
    start "$1" "$2"
    wait_line "$pid" "$2.$1.out" '^step 0000[2-9]'
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || status=$?
    [ "$status" = 0 ] || break
  done
  [ "$status" = 3 ] || fail "$1 stopped by a signal has status $status, 3 is right"
  grep -q '^Stopped by a signal after step' "$2.$1.out" || fail "no word on the stop"
}

bases=$LATHE_BASE_DIR/base_checkpoints
run train whole || fail "the uninterrupted run"
kill_often 10 train killed "$bases/killed" step_60
same_end "$bases/whole" "$bases/killed" step_60
[ "$(curve "$bases/whole" | wc -l)" = 64 ] || fail "60 steps and 4 validations have $(curve "$bases/whole" | wc -l) lines"
[ "$(curve "$bases/whole")" = "$(curve "$bases/killed")" ] || fail "the metrics of the killed run differ"
if [ -n "$(find "$bases/killed" -name '.saving_*')" ]; then fail "a half-written checkpoint was left"; fi

stop_once train stopped "$bases/stopped"
run train stopped --resume
same_end "$bases/whole" "$bases/stopped" step_60

# Fine-tuning, by epochs: it ends with its data. A tag names base model and result alike.
cp -r "$bases/whole" "$bases/tuned"
cp -r "$bases/whole" "$bases/halted"
fine=$LATHE_BASE_DIR/chatsft_checkpoints
run sft whole || fail "the uninterrupted fine-tuning"
last=$(basename "$(find "$fine/whole" -maxdepth 1 -name 'step_*' | sort -V | tail -n 1)")
[ "${last#step_}" -gt 10 ] || fail "fine-tuning ended at $last"
tr -d ' \n' <"$fine/whole/step_5/meta.json" | grep -qF '"steps":[5' || fail "fine-tuning did not start with a fresh optimizer"
kill_often 4 sft tuned "$fine/tuned" "$last"
same_end "$fine/whole" "$fine/tuned" "$last"
stop_once sft halted "$fine/halted"
run sft halted --resume
same_end "$fine/whole" "$fine/halted" "$last"
# Going on from the end changes nothing.
run sft halted --resume
same_end "$fine/whole" "$fine/halted" "$last"
[ "$(find "$fine/halted" -name 'step_*' | sort -V | tail -n 1)" = "$fine/halted/$last" ] || fail "steps after the end"

#!/usr/bin/env bash
# The run scripts: the commands of the rows with their exact flags, in order; every command line is one that lathe reads; variables.
# C-14.1, C-14.2, C-14.9
set -euo pipefail
runs=$LATHE_SOURCE/runs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LATHE_BASE_DIR=$work/base
unset WANDB_RUN NPROC_PER_NODE SKIP_SETUP SERIES_NAME
fail() { echo "FAILED: $*"; exit 1; }
# prints PATTERN SCRIPT [WORD...]: a line of the dry run matches (its output is read to the end, so that no pipe breaks)
prints() {
  local pattern=$1 script=$2
  shift 2
  "$runs/$script.sh" --dry-run "$@" >"$work/printed" 2>/dev/null
  grep -qe "$pattern" "$work/printed"
}
# in_order FILE LINE...: these whole lines stand in the file, one after the other
in_order() {
  local file=$1 at=0 line found
  shift
  for line in "$@"; do
    found=$(awk -v line="$line" -v at="$at" '{ sub(/^OMP_NUM_THREADS=1 mpirun -n [0-9]* /, "") } $0 == line && NR > at { print NR; exit }' "$file")
    [ -n "$found" ] || { cat "$file"; fail "$(basename "$file"): \"$line\" does not follow line $at"; }
    at=$found
  done
}

day() { LC_ALL=C date +%b%d | tr '[:upper:]' '[:lower:]'; }
began=$(day)
for script in speedrun speedrun_old cpu scaling_laws miniseries big; do
  "$runs/$script.sh" --help >"$work/help"
  grep -q "^usage: runs/$script.sh" "$work/help" || fail "$script.sh --help"
  if "$runs/$script.sh" --no-such-flag 2>/dev/null; then fail "$script.sh takes any flag"; fi
  "$runs/$script.sh" --dry-run >"$work/$script" 2>"$work/$script.err" || fail "$script.sh --dry-run"
  # Every command line is read by the program it is meant for.
  while read -r -a words; do
    case ${words[0]} in
      wait) continue ;;
      OMP_NUM_THREADS=1) words=("${words[@]:4}") ;;
    esac
    [ "${words[0]}" = lathe ] || fail "$script.sh runs ${words[0]}"
    [ "${words[-1]}" != '&' ] || unset 'words[-1]'
    "$LATHE" "${words[@]:1}" --print-config >/dev/null 2>"$work/err" || { cat "$work/err"; fail "$script.sh: ${words[*]}"; }
  done <"$work/$script"
done
[ ! -e "$LATHE_BASE_DIR" ] || fail "a dry run made files"

in_order "$work/speedrun" 'lathe report reset' 'lathe dataset -n 8' 'lathe dataset -n 370 &' 'lathe tok_train' 'lathe tok_eval' 'wait' \
  'lathe base_train --depth=26 --target-param-data-ratio=8.25 --device-batch-size=16 --fp8 --run=dummy' \
  'lathe base_eval --device-batch-size=16' 'lathe download identity smol-smoltalk mmlu gsm8k words arc humaneval' \
  'lathe chat_sft --mixture=sft --device-batch-size=16 --run=dummy' 'lathe chat_eval -i sft' 'lathe report generate'
in_order "$work/speedrun_old" 'lathe dataset -n 240 &' 'lathe tok_train --max-chars=2000000000 --vocab-size=65536' \
  'lathe base_train --depth=20 --target-param-data-ratio=20 --run=dummy' 'lathe base_loss' 'lathe base_eval' 'lathe mid_train --mixture=mid --run=dummy' \
  'lathe chat_eval -i mid' 'lathe chat_sft --mixture=sft_old --style=old --source=mid --run=dummy' 'lathe chat_eval -i sft' 'lathe report generate'
printf '#!/bin/sh\n[ -z "$OMPI_COMM_WORLD_SIZE" ]\n' >"$work/alone"  # refuses to be one of several ranks
chmod +x "$work/alone"
LATHE=$work/alone NPROC_PER_NODE=8 "$runs/speedrun.sh" --dry-run >"$work/one" 2>"$work/one.err"
grep -q '^lathe base_train --depth=26 ' "$work/one" || fail "a verb that cannot be shared"
grep -q 'base_train runs as one process' "$work/one.err" || fail "no word on the ranks"

# Variables. A program that can be shared by ranks is started by mpirun, each with one thread.
WANDB_RUN=mine prints 'lathe chat_sft --mixture=sft --device-batch-size=16 --run=mine$' speedrun || fail "WANDB_RUN"
printf '#!/bin/sh\nexit 0\n' >"$work/shared"
chmod +x "$work/shared"
LATHE=$work/shared NPROC_PER_NODE=8 "$runs/speedrun.sh" --dry-run >"$work/eight"
grep -q '^OMP_NUM_THREADS=1 mpirun -n 8 lathe base_train --depth=26 ' "$work/eight" || fail "eight ranks"
few=$(($(nproc) < 8 ? $(nproc) : 8))
[ "$few" = 1 ] || LATHE=$work/shared prints "^OMP_NUM_THREADS=1 mpirun -n $few lathe base_train " speedrun || fail "the usual ranks"
LATHE=$work/shared NPROC_PER_NODE=2 prints '^OMP_NUM_THREADS=1 mpirun -n 2 lathe chat_eval -i sft$' speedrun || fail "NPROC_PER_NODE"
LATHE=$work/shared NPROC_PER_NODE=1 prints '^lathe base_eval ' speedrun || fail "one rank"

# C-14.3, C-14.7, C-14.8
in_order "$work/cpu" 'lathe dataset -n 8' 'lathe tok_train --max-chars=2000000000' 'lathe tok_eval' \
  'lathe base_train --depth=6 --head-dim=64 --window-pattern=L --max-seq-len=512 --device-batch-size=32 --total-batch-size=16384 --eval-every=100 --eval-tokens=524288 --core-metric-every=-1 --sample-every=100 --num-iterations=5000 --run=dummy' \
  'lathe base_eval --device-batch-size=1 --split-tokens=16384 --max-per-task=16' \
  'lathe chat_sft --mixture=sft --max-seq-len=512 --device-batch-size=32 --total-batch-size=16384 --eval-every=200 --eval-tokens=524288 --num-iterations=1500 --run=dummy'
today=$(day)
grep -q "^lathe scaling miniseries $today " "$work/miniseries" || today=$began  # midnight was in between
in_order "$work/miniseries" 'lathe dataset -n 1000' \
  "lathe scaling miniseries $today --depths 12 14 16 18 20 22 24 26 --sample-every=-1 --save-every=-1 --run=${today}_miniseries"
SERIES_NAME=s1 SKIP_SETUP=1 "$runs/miniseries.sh" --dry-run >"$work/series"
[ "$(wc -l <"$work/series")" = 1 ] || fail "SKIP_SETUP fetches"
grep -q '^lathe scaling miniseries s1 ' "$work/series" || fail "SERIES_NAME"
prints '^lathe scaling miniseries s2 ' miniseries s2 || fail "the series' argument"
in_order "$work/big" 'lathe dataset -n 800 &' 'lathe tok_train --max-chars=4000000000 --vocab-size=65536' \
  'lathe base_train --depth=32 --target-param-data-ratio=20 --device-batch-size=8 --run=dummy'
in_order "$work/scaling_laws" \
  'lathe scaling --label=jan26 --flops-budgets 1e18 2.15e18 4.64e18 1e19 --depths 8 10 12 14 16 18 20 --eval-tokens=52428800 --target-param-data-ratio=-1 --sample-every=-1 --save-every=-1 --run=scaling_jan26'
# What the program does by itself is the same.
"$LATHE" scaling --print-config >"$work/own"
for line in '"eval_tokens": 52428800' '"target_param_data_ratio": -1' '"sample_every": -1' '"save_every": -1'; do grep -qF "$line" "$work/own" || fail "lathe scaling: $line"; done

#!/usr/bin/env bash
# The chat origin's run for a machine without accelerator: a model of depth 6 in some hours.
#
# usage: runs/cpu.sh [--dry-run]
#   --dry-run  print the commands
# Variables: WANDB_RUN, SKIP_SETUP, LATHE_BASE_DIR. ./speedrun.sh needs no download and takes minutes.
set -euo pipefail
source "$(dirname "$0")/common.bash"
read_flags "$@"
setup

lathe dataset -n 8
lathe tok_train --max-chars=2000000000
lathe tok_eval
lathe base_train --depth=6 --head-dim=64 --window-pattern=L --max-seq-len=512 --device-batch-size=32 --total-batch-size=16384 \
  --eval-every=100 --eval-tokens=524288 --core-metric-every=-1 --sample-every=100 --num-iterations=5000 --run="$WANDB_RUN"
lathe download eval-bundle
lathe base_eval --device-batch-size=1 --split-tokens=16384 --max-per-task=16
lathe download identity smol-smoltalk mmlu gsm8k words
lathe chat_sft --mixture=sft --max-seq-len=512 --device-batch-size=32 --total-batch-size=16384 --eval-every=200 --eval-tokens=524288 \
  --num-iterations=1500 --run="$WANDB_RUN"

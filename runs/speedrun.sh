#!/usr/bin/env bash
# The chat origin's speed run: from FineWeb-Edu to a chat model of depth 26, for a node of 8 devices.
#
# usage: runs/speedrun.sh [--dry-run]
#   --dry-run  print the commands
# Variables: WANDB_RUN, NPROC_PER_NODE (8, or the cores if fewer), SKIP_SETUP, LATHE_BASE_DIR. For a CPU: ./speedrun.sh or runs/cpu.sh.
set -euo pipefail
source "$(dirname "$0")/common.bash"
read_flags "$@"
setup

lathe report reset
download_shards 8 370
lathe tok_train
lathe tok_eval
wait_for_shards
ranks base_train --depth=26 --target-param-data-ratio=8.25 --device-batch-size=16 --fp8 --run="$WANDB_RUN"
lathe download eval-bundle
ranks base_eval --device-batch-size=16
lathe download identity smol-smoltalk mmlu gsm8k words arc humaneval
ranks chat_sft --mixture=sft --device-batch-size=16 --run="$WANDB_RUN"
ranks chat_eval -i sft
lathe report generate

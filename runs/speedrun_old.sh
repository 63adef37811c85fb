#!/usr/bin/env bash
# The chat origin's first speed run (autumn 2025): depth 20, twenty tokens a parameter, with mid-training.
#
# usage: runs/speedrun_old.sh [--dry-run]
#   --dry-run  print the commands
# Variables: WANDB_RUN, NPROC_PER_NODE (8, or the cores if fewer), SKIP_SETUP, LATHE_BASE_DIR.
set -euo pipefail
source "$(dirname "$0")/common.bash"
read_flags "$@"
setup

lathe report reset
download_shards 8 240
lathe tok_train --max-chars=2000000000 --vocab-size=65536
lathe tok_eval
wait_for_shards
ranks base_train --depth=20 --target-param-data-ratio=20 --run="$WANDB_RUN"
ranks base_loss
lathe download eval-bundle
ranks base_eval
lathe download identity smol-smoltalk mmlu gsm8k words arc humaneval
ranks mid_train --mixture=mid --run="$WANDB_RUN"
ranks chat_eval -i mid
ranks chat_sft --mixture=sft_old --style=old --source=mid --run="$WANDB_RUN"
ranks chat_eval -i sft
lathe report generate

#!/usr/bin/env bash
# The chat origin's big run: depth 32, twenty tokens a parameter (autumn 2025; about 33 hours on a node of 8 devices).
#
# usage: runs/big.sh [--dry-run]
#   --dry-run  print the commands
# Variables: WANDB_RUN, NPROC_PER_NODE (8, or the cores if fewer), SKIP_SETUP, LATHE_BASE_DIR.
set -euo pipefail
source "$(dirname "$0")/common.bash"
read_flags "$@"
setup

lathe report reset
download_shards 16 800
lathe tok_train --max-chars=4000000000 --vocab-size=65536
lathe tok_eval
wait_for_shards
ranks base_train --depth=32 --target-param-data-ratio=20 --device-batch-size=8 --run="$WANDB_RUN"
ranks base_loss
lathe download eval-bundle
ranks base_eval
lathe download identity smol-smoltalk mmlu gsm8k words arc humaneval
ranks mid_train --mixture=mid --device-batch-size=8 --run="$WANDB_RUN"
ranks chat_eval -i mid
ranks chat_sft --mixture=sft_old --style=old --source=mid --run="$WANDB_RUN"
ranks chat_eval -i sft
lathe report generate

#!/usr/bin/env bash
# The chat origin's scaling-law grid: 4 compute budgets by 7 depths, with CORE at the end of each run. Started again, it goes on.
#
# usage: runs/scaling_laws.sh [--dry-run] [LABEL]
#   LABEL      of the results, <base>/scaling_laws_results_LABEL [jan26]
#   --dry-run  print the commands
# Variables: WANDB_RUN (scaling_LABEL), SKIP_SETUP, LATHE_BASE_DIR. Needs shards and a tokenizer: runs/miniseries.sh fetches them.
set -euo pipefail
most_operands=1
named_run=${WANDB_RUN:-}
source "$(dirname "$0")/common.bash"
read_flags "$@"
setup

label=${operands[0]:-jan26}
lathe download eval-bundle
lathe scaling --label="$label" --flops-budgets 1e18 2.15e18 4.64e18 1e19 --depths 8 10 12 14 16 18 20 --eval-tokens=$((100 * 524288)) \
  --target-param-data-ratio=-1 --sample-every=-1 --save-every=-1 --run="${named_run:-scaling_$label}"

#!/usr/bin/env bash
# The chat origin's miniseries: depths 12 to 26 by one recipe, CORE once at the end of each. Started again, it goes on.
#
# usage: runs/miniseries.sh [--dry-run] [SERIES]
#   SERIES     name of the series [SERIES_NAME, else month and day: nov21]
#   --dry-run  print the commands
# Variables: WANDB_RUN (SERIES_miniseries), SERIES_NAME, SKIP_SETUP (then no shards are fetched and no tokenizer is trained
# either), LATHE_BASE_DIR.
set -euo pipefail
most_operands=1
named_run=${WANDB_RUN:-}
source "$(dirname "$0")/common.bash"
read_flags "$@"
setup

series=${operands[0]:-${SERIES_NAME:-$(LC_ALL=C date +%b%d | tr '[:upper:]' '[:lower:]')}}
if [ -z "${SKIP_SETUP:-}" ]; then
  lathe dataset -n 1000
  lathe tok_train --max-chars=2000000000 --vocab-size=32768
  lathe download eval-bundle
fi
lathe scaling miniseries "$series" --depths 12 14 16 18 20 22 24 26 --sample-every=-1 --save-every=-1 --run="${named_run:-${series}_miniseries}"

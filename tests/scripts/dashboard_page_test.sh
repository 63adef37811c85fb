#!/usr/bin/env bash
# The dashboard's page in a real browser: points arrive, the model answers a question while it trains, no chart is empty, no window too narrow.
set -euo pipefail
browser=$(command -v chromium || command -v chromium-browser || true)
[ -n "$browser" ] || exit 77
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/scripts/training_fixture.bash
source "$here/training_fixture.bash"

# Endless for this test: it is ended by a signal once the page was seen.
start train seen --num-iterations 200000 --save-every -1 --eval-every 200 --sample-every 200 --log-every 5 --threads 1 --dashboard 0
wait_line "$pid" seen.train.out 'http://127.0.0.1:[0-9]+'
url=$(grep -o 'http://127.0.0.1:[0-9]*' seen.train.out)
python3 "$here/watch_page.py" "$browser" "$url" "document 1: w3 w" ${LATHE_PICTURES:+"$LATHE_PICTURES"} >page.out || { cat page.out; fail "the page"; }
cat page.out
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" = 3 ] || [ "$status" = 130 ] || [ "$status" = 143 ] || fail "a run that was told to stop ended with $status"

# The folder of the run that has ended shows the same page.
"$lathe" dashboard "$LATHE_BASE_DIR/base_checkpoints/seen" --port 0 >look.out 2>look.err &
wait_line $! look.out 'http://127.0.0.1:[0-9]+'
url=$(grep -o 'http://127.0.0.1:[0-9]*' look.out)
python3 "$here/watch_page.py" "$browser" "$url" - >folder.out || { cat folder.out; fail "the page of a folder"; }

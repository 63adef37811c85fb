#!/usr/bin/env bash
# A run with --dashboard answers with its history, talks while it trains, and ends with the bits of a run without; a folder can be looked at.
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
command -v curl >/dev/null || exit 77
bases=$LATHE_BASE_DIR/base_checkpoints
last=$bases/plain/step_400

flags=(--num-iterations 400 --save-every -1 --eval-every 100 --sample-every 100 --log-every 10 --threads 2)
run train plain "${flags[@]}" || fail "the run without a dashboard"
# watch: looks, listens and asks while the run goes on; not 0 where the run was over before all of that
watch() {
  wait_line "$pid" watched.train.out 'http://127.0.0.1:[0-9]+'
  url=$(grep -o 'http://127.0.0.1:[0-9]*' watched.train.out)
  curl -fsS "$url/history" >first.json || return
  curl -sSN --max-time 600 "$url/events" >events.txt &
  events=$!
  until grep -qs '^data: ' events.txt; do kill -0 "$events" || return; sleep 0.02; done
  curl -fsSN "$url/chat" -H 'Content-Type: application/json' \
    -d '{"messages": [{"role": "user", "content": "document 1: w3 w"}], "continue": true, "max_tokens": 12, "temperature": 0}' >answer.txt || return
  until curl -sS "$url/history" >middle.json && grep -q '"train/loss"' middle.json; do kill -0 "$pid" || return; sleep 0.02; done
  foreign=$(curl -sS -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$url/history") || return
}
# Where the run was faster it is begun anew.
for _ in 1 2 3; do
  rm -rf "$bases/watched" watched.train.out answer.txt events.txt
  watched='' events='' foreign=
  start train watched "${flags[@]}" --dashboard 0
  if watch; then watched=1; fi
  wait "$pid" || fail "the run with a dashboard"
  [ -z "$events" ] || wait "$events" || true  # until all that was sent is written; how the connection ended is no matter
  # Asked before the last steps: lines of these come by themselves.
  if [ -n "$watched" ] && grep -q '^data: {"done": true}$' answer.txt && grep -q '^data: {"line": {"step": 3[0-9][0-9], ' events.txt; then break; fi
  watched=
done
[ -n "$watched" ] || fail "the page of a run does not answer, or every run was over before"
[ "$foreign" = 403 ] || fail "a foreign name was answered"

has answer.txt '^data: \{"step": [0-9]+, "copy_mb": [0-9.]+\}$' '^data: \{"token": ' '^data: \{"done": true\}$'
has middle.json '"train/loss"' '"steps": 400' '"chat": true' '"stage": "base"' '"limit_tokens_per_second"'
has events.txt '^data: \{"history": ' '^data: \{"line": \{"step": 3[0-9][0-9], ' '"grad_norm/layer_00"' '"samples"' '^data: \{"ended": "finished"\}'
for file in model.safetensors optimizer.safetensors; do cmp "$last/$file" "$bases/watched/step_400/$file" || fail "the dashboard changed $file"; done
grep -q '"samples": \[' "$bases/plain/metrics.jsonl" || fail "the samples are not in the metrics"

# The port is taken: the run says so before it trains.
python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(600)' >port.txt &
until [ -s port.txt ]; do sleep 0.02; done
status=0
run train taken "${flags[@]}" --dashboard "$(cat port.txt)" || status=$?
[ "$status" = 1 ] || fail "a taken port gives status $status, 1 is right"
grep -q 'in use' taken.train.err || fail "no word on the taken port"

# The folder of a run, finished; a line that is still being written is left for later.
printf '{"step": 401, "train/lo' >>"$bases/plain/metrics.jsonl"
"$lathe" dashboard "$bases/plain" --port 0 >look.out 2>look.err &
look=$!
wait_line "$look" look.out 'http://127.0.0.1:[0-9]+'
url=$(grep -o 'http://127.0.0.1:[0-9]*' look.out)
# Into a file first: grep -q leaves at the first match, and who still writes into its pipe fails.
until curl -sS "$url/history" >looked.json && grep -q '"train/loss"' looked.json; do sleep 0.05; done
printf 'ss": 0.125}\n' >>"$bases/plain/metrics.jsonl"
until curl -sS "$url/history" >looked.json && grep -q '0\.125' looked.json; do sleep 0.05; done
grep -q '"train/loss": {"steps": \[0, 10, 20, ' looked.json || fail "the folder's page has other steps than the file"
grep -q '"steps": 400' looked.json || fail "the folder's page does not know the run's steps"
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/chat" -d '{}')" = 404 ] || fail "there is nobody to talk to in a folder"
kill -TERM "$look"
wait "$look" || fail "lathe dashboard does not end on a signal"
status=0
"$lathe" dashboard "$work/nowhere" 2>nowhere.err || status=$?
[ "$status" = 1 ] && grep -q 'training run' nowhere.err || fail "a folder without a run"

#!/usr/bin/env bash
# A server as its owner runs it: several models in one place, an adapter by name, drafts, codes for keys and values, a
# report and a running training beside the page, a key, a signal in the middle of streams, wrong command lines. C-11.38, L-10.1, L-1.59
set -euo pipefail
# shellcheck source=tests/scripts/server_fixture.bash
source "${LATHE_SOURCE:?}/tests/scripts/server_fixture.bash"
make_model
other=$LATHE_BASE_DIR/chatsft_checkpoints
adapted=$work/adapted
cp -r "$LATHE_BASE_DIR" "$adapted"
rm -r "$adapted/chatsft_checkpoints"
sed 's/It is /Well, perhaps /' chats.jsonl >polite.jsonl
quiet "$lathe" sft --base-dir "$adapted" --data polite.jsonl --val-data chats_val.jsonl --max-seq-len 512 --device-batch-size 2 --total-batch-size 1024 \
  --eval-every -1 --tag small --threads 1 --lora --lora-r 8 --lora-lr 0.02 --train-token-rows none
cp -r "$LATHE_BASE_DIR/base_checkpoints/small" "$LATHE_BASE_DIR/base_checkpoints/plain"
plain=$LATHE_BASE_DIR/base_checkpoints/plain

prompt='What is 3 + 4?'
messages='"messages": [{"role": "user", "content": "What is 3 + 4?"}], "temperature": 0, "max_tokens": 24'
# post PATH BODY: the answer's body. A model that has answered just now may be in use for a moment more, and 503 means: try again.
post() {
  for ((i = 0; i < 300; ++i)); do
    http POST "$@" >posted.txt
    [ "$(cat status)" = 503 ] || break
    sleep 0.1
  done
  cat posted.txt
}
# answer MODEL: of the chat or, without a template, of the text
answer() { post /v1/chat/completions "{\"model\": \"$1\", $messages}" | grep -oE '"content": ("([^"\\]|\\.)*"|null)' | head -n 1 | sed 's/^"content": "//; s/"$//'; }
text() { post /v1/completions "{\"model\": \"$1\", \"prompt\": \"1 + 2?\", \"temperature\": 0, \"max_tokens\": 24, \"ignore_eos\": true}" | grep -oE '"text": "([^"\\]|\\.)*"' | sed 's/^"text": "//; s/"$//'; }
stop_server() {
  kill "$server"
  wait "$server" || { tail -n 5 serve.err; fail "the server ended badly"; }
  server=
}
same() { [ "$1" = "$2" ] || fail "$3: \"$1\", not \"$2\""; }
expect() { [ "$(cat status)" = "$1" ] || { cat response; fail "$2: status $(cat status), not $1"; }; }
chat=("$lathe" chat --threads 1 --log-level ERROR --dtype fp32 --temperature 0 --max-tokens 24 --prompt "$prompt")
wanted=$("${chat[@]}" --tag small --source sft)
[ -n "$wanted" ] || fail "the small model says nothing"

# Two models where one has room, the report that is written meanwhile.
start_server --tag small --source sft --model "plain=$plain" --max-models 1 --threads 1 --dtype fp32
same "$(answer small)" "$wanted" "the server says otherwise than lathe chat"
grep -qE 'model small is ready on cpu after [0-9]+\.[0-9]{3} s' serve.err || { cat serve.err; fail "the log does not say that the model is ready"; }
! grep -q 'after 0\.000 s' serve.err || fail "the time is not that of the load"
http GET /page/info >info.txt
grep -q '"report": null' info.txt || fail "a report is offered that is not there"
quiet "$lathe" report --tag small
http GET /page/info >info.txt
grep -q '"report": "/report"' info.txt || fail "the report is not offered"
http GET /report | cmp - "$LATHE_BASE_DIR/report/report.html" || fail "GET /report is not the report"
first=$(text plain)
[ -n "$first" ] || { cat response; fail "the second model says nothing"; }
http GET /v1/models | tr -d '\n' | grep -qE '"id": "small"[^}]*"loaded": false.*"id": "plain"[^}]*"loaded": true' || { http GET /v1/models; fail "two models are in one place"; }
same "$(answer small)" "$wanted" "the first model came back otherwise"
same "$(text plain)" "$first" "the second model came back otherwise"
http POST /v1/completions '{"model": "none", "prompt": "x"}' >/dev/null
expect 404 "a model that nobody serves"
stop_server

# A running training.
"$lathe" train --data corpus.jsonl --depth 2 --aspect-ratio 16 --head-dim 16 --max-seq-len 512 --device-batch-size 1 --total-batch-size 512 --num-iterations 100000 \
  --eval-every -1 --sample-every -1 --tag long --threads 1 --dashboard 0 >train.out 2>train.err &
training=$!
start_server --tag small --source sft --threads 1 --dtype fp32 --draft-tokens 3 --kv-cache int8
until grep -q '^Dashboard: ' train.out; do
  kill -0 "$training" 2>/dev/null || { tail -n 5 train.err; fail "the training has no page"; }
  sleep 0.1
done
page=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' train.out | head -n 1)
http GET /page/info >info.txt
grep -qF "\"dashboard\": \"$page\"" info.txt || fail "the page of the running training is not offered"
kill -9 "$training"
wait "$training" 2>/dev/null || true
http GET /page/info >info.txt
grep -q '"dashboard": null' info.txt || fail "the page of a killed training is offered"
[ -n "$(answer small)" ] || fail "no answer with codes of 8 bits"
stop_server

# Guesses change nothing.
start_server --tag small --source sft --threads 1 --dtype fp32 --draft-tokens 4
same "$(answer small)" "$wanted" "drafts change the answer"
http GET /metrics >metrics.txt
grep -qE '^lathe_engine_drafted_tokens\{[^}]*\} [1-9]' metrics.txt || { grep draft metrics.txt; fail "nothing was guessed"; }
stop_server

# An adapter by its name, on the model it was trained on.
polite=$("${chat[@]}" --base-dir "$adapted" --tag small --source sft)
start_server --hf-path "$adapted/base_checkpoints/small" --adapter "polite=$adapted/chatsft_checkpoints/small" --threads 1 --dtype fp32
same "$(answer polite)" "$polite" "the adapter says otherwise than lathe chat with it"
base=$(http GET /v1/models | grep -oE '"parent": "[^"]*"' | head -n 1 | sed 's/.*: "//; s/"//')
[ "$(answer "$base")" != "$polite" ] || fail "the adapter changes nothing"
http POST /v1/embeddings '{"model": "polite", "input": "x"}' >/dev/null
expect 400 "embeddings of an adapter"
stop_server

# A key; a signal while answers stream.
LATHE_API_KEY=sesame start_server --tag small --source sft --threads 1 --drain-seconds 1
http POST /v1/chat/completions "{$messages}" >/dev/null
expect 401 "a request without the key"
http GET /report >/dev/null
expect 401 "the report without the key"
http GET / >page.html
grep -q '<html' page.html || fail "the page needs a key"
stream() {
  exec 4<>"/dev/tcp/127.0.0.1/${url##*:}"
  local body='{"messages": [{"role": "user", "content": "go on"}], "stream": true, "ignore_eos": true, "max_tokens": 100000}'
  printf 'POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body" >&4
  cat <&4 >"stream$1"
}
stream 1 & one=$!
stream 2 & two=$!
for ((i = 0; i < 1200; ++i)); do
  if grep -q '"delta"' stream1 2>/dev/null && grep -q '"delta"' stream2 2>/dev/null; then break; fi
  sleep 0.1
done
stop_server
wait "$one" "$two" || true
for i in 1 2; do
  grep -q 'data: \[DONE\]\|data: {"error"' "stream$i" || { head -c 600 "stream$i"; tail -c 300 "stream$i"; fail "a stream ended without a word"; }
done

# Wrong command lines name what is wrong, before any port is open.
refused() {
  local part=$1
  shift
  ! "$lathe" serve --port 0 "$@" >refused.out 2>refused.err || fail "accepted: $*"
  grep -qF -- "$part" refused.err || { cat refused.err; fail "$* is refused without \"$part\""; }
  ! grep -q 'http://' refused.out || fail "a port was opened: $*"
}
refused 'must be NAME=PATH' --tag small --source sft --adapter "$other/small"
refused 'is no adapter' --tag small --source sft --adapter "x=$other/small"
refused 'draft_model' --tag small --source sft --draft-model "$plain"
refused 'nosuch' --tag nosuch

#!/usr/bin/env bash
# Fine-tuning by adapters from the command line: train, stop and resume, judge, use, stack, merge. L-7.20, L-7.25, L-7.26
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"

base=$LATHE_BASE_DIR/base_checkpoints/a
tuned=$LATHE_BASE_DIR/chatsft_checkpoints
run train a --num-iterations 20 --save-every 10 || { tail -n 5 a.train.err; fail "base training"; }
cp -r "$base" "${base%/a}/b"
cp -r "$base" "${base%/a}/c"
lora=(--lora --lora-r 4 --lora-lr 0.01 --num-iterations 12 --lora-dropout 0.1)
run sft a "${lora[@]}" || { tail -n 5 a.sft.err; fail "sft --lora"; }
has a.sft.out 'adapter of rank 4: .* trained parameters'
for file in adapter_config.json adapter_model.safetensors lathe_adapter.json token_rows.safetensors optimizer.safetensors meta.json; do
  [ -f "$tuned/a/step_12/$file" ] || fail "no $file"
done
[ ! -e "$tuned/a/step_12/model.safetensors" ] || fail "the base was written again"
grep -q "$(sha256sum "$base/step_20/model.safetensors" | cut -d' ' -f1)" "$tuned/a/step_12/lathe_adapter.json" || fail "the base's hash is not in the record"

# Going on from the middle ends with the same bytes.
mkdir -p "$tuned/b"
cp -r "$tuned/a/step_5" "$tuned/b/"
run sft b "${lora[@]}" --resume || { tail -n 5 b.sft.err; fail "sft --lora --resume"; }
cmp "$tuned/a/step_12/adapter_model.safetensors" "$tuned/b/step_12/adapter_model.safetensors" || fail "the resumed run ends differently"
cmp "$tuned/a/step_12/token_rows.safetensors" "$tuned/b/step_12/token_rows.safetensors" || fail "the resumed run ends with other rows"

# An adapter run is a model to the other verbs.
bpb() { "$lathe" eval bpb --source sft --tag "$1" --data corpus.jsonl --split val --split-tokens 512 --device-batch-size 4 --threads 1 --dtype fp32 --json 2>"$1.eval.err" | grep -o '"val_bpb": *[0-9.]*' | grep -o '[0-9.]*$'; }
beside=$(bpb a) || { tail -n 3 a.eval.err; fail "eval of an adapter run"; }
"$lathe" merge --source sft --tag a --out-tag m --json >merge.out 2>merge.err || { tail -n 3 merge.err; fail "merge"; }
grep -q "$(sha256sum "$tuned/m/step_12/model.safetensors" | cut -d' ' -f1)" merge.out || fail "the printed hash is not the file's"
merged=$(bpb m) || { tail -n 3 m.eval.err; fail "eval of the merged model"; }
awk -v a="$beside" -v b="$merged" 'BEGIN { d = a - b; if (d < 0) d = -d; exit d < 1e-5 ? 0 : 1 }' || fail "bits per byte $beside beside, $merged merged"

# What the run and the merged model say is the same, and it is not what the base says.
say() { "$lathe" generate --source "$1" --tag "$2" --prompt "1 + 2?" --max-tokens 24 --temperature 0 --threads 1 --dtype fp32 2>"$2.say.err" || { tail -n 3 "$2.say.err"; fail "generate on $1 $2"; }; }
say sft a >a.said
say sft m >m.said
say base a >base.said
cmp a.said m.said || fail "the merged model answers otherwise"
if cmp -s a.said base.said; then fail "the adapter changes no answer"; fi
printf '1 + 2?\n' | "$lathe" chat --source sft --tag a --max-tokens 8 --temperature 0 --threads 1 >chat.out 2>chat.err || { tail -n 3 chat.err; fail "chat on an adapter run"; }
[ -s chat.out ] || fail "chat said nothing"
"$lathe" serve --source sft --tag a --port 0 --threads 1 >serve.out 2>serve.err &
server=$!
wait_line "$server" serve.out 'http://[0-9.a-z]+:[0-9]+'
port=$(grep -ohE 'http://[0-9.a-z]+:[0-9]+' serve.out | head -n 1 | grep -oE '[0-9]+$')
body='{"messages": [{"role": "user", "content": "1 + 2?"}], "max_tokens": 8, "temperature": 0}'
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
  "$port" ${#body} "$body" >&3
timeout 300 cat <&3 >served.json || fail "no answer from the server"
exec 3>&-
has served.json "^data: .*\"done\": *true"
kill "$server"
wait "$server" || true

# Mid-training by an adapter, and fine-tuning on top of it: an adapter on an adapter.
mids=$LATHE_BASE_DIR/mid_checkpoints
cp -r "$base" "${base%/a}/top"
printf '{"train": [{"task": "file", "path": "%s/chats.jsonl"}], "validation": [{"task": "file", "path": "%s/chats_val.jsonl"}]}' "$work" "$work" >mixture.json
"$lathe" mid --mixture mixture.json --lora --lora-r 4 --lora-lr 0.01 --max-seq-len 64 --device-batch-size 4 --total-batch-size 512 --num-iterations 4 --eval-every -1 \
  --threads 1 --tag top >mid.out 2>mid.err || { tail -n 5 mid.err; fail "mid --lora"; }
[ -f "$mids/top/step_4/adapter_model.safetensors" ] || fail "mid-training saved no adapter: $(ls "$mids/top")"
run sft top "${lora[@]}" --source mid || { tail -n 5 top.sft.err; fail "an adapter on an adapter"; }
has "$tuned/top/step_12/lathe_adapter.json" '"below"' "$(sha256sum "$mids/top/step_4/adapter_model.safetensors" | cut -d' ' -f1)"
beside=$(bpb top) || { tail -n 3 top.eval.err; fail "eval of the upper adapter"; }
"$lathe" merge --source sft --tag top --out-tag top_merged >merge.out 2>merge.err || { tail -n 3 merge.err; fail "merge of two adapters"; }
merged=$(bpb top_merged) || { tail -n 3 top_merged.eval.err; fail "eval of both merged"; }
awk -v a="$beside" -v b="$merged" 'BEGIN { d = a - b; if (d < 0) d = -d; exit d < 1e-5 ? 0 : 1 }' || fail "two adapters: bits per byte $beside beside, $merged merged"

# Quantized weights, and what cannot be.
run sft c "${lora[@]}" --lora-weight-bits 8 --dtype bf16 || { tail -n 5 c.sft.err; fail "sft on codes"; }
has "$tuned/c/step_12/lathe_adapter.json" '"weight_bits": *8'
if "$lathe" sft "${sft_flags[@]}" --tag a --lora-r 4 >no.out 2>no.err; then fail "an adapter's flag without --lora"; fi
has no.err 'lora.r.*add --lora'
printf x >>"$base/step_20/model.safetensors"
if bpb a >/dev/null; then fail "another base was accepted"; fi
has a.eval.err 'SHA-256'
echo passed

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

# Quantized weights, and what cannot be.
run sft c "${lora[@]}" --lora-weight-bits 8 --dtype bf16 || { tail -n 5 c.sft.err; fail "sft on codes"; }
has "$tuned/c/step_12/lathe_adapter.json" '"weight_bits": *8'
if "$lathe" sft "${sft_flags[@]}" --tag a --lora-r 4 >no.out 2>no.err; then fail "an adapter's flag without --lora"; fi
has no.err 'lora.r.*add --lora'
printf x >>"$base/step_20/model.safetensors"
if bpb a >/dev/null; then fail "another base was accepted"; fi
has a.eval.err 'SHA-256'
echo passed

#!/usr/bin/env bash
# A tiny run of every stage: its report has every picture, two runs are compared, the model card says what was and was not done, the chain
# of hashes is whole, and a byte changed anywhere below is named.
# C-13.15, C-13.17, C-13.19
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_WAIT_POLICY=passive
base=$work/base
fail() { echo "FAILED: $*"; exit 1; }
run() {  # NAME COMMAND...
  local name=$1
  shift
  "$LATHE" "$@" --base-dir "$base" --tag t --threads 1 >"$name.out" 2>"$name.err" || fail "$name: $(tail -n 3 "$name.err")"
}
has() { grep -qF -- "$2" "$1" || fail "$1 has no \"$2\""; }

run reset report reset
run synth synth --size-mb 1 --conversations 1200 --eval-cases 20 --pairs 100
run tokenizer tokenizer train --data "$base/base_data" --vocab-size 512
run compression tokenizer eval
shape=(--max-seq-len 128 --device-batch-size 4 --total-batch-size 512)
run train train --data "$base/base_data" --depth 1 --head-dim 32 --aspect-ratio 64 --window-pattern L "${shape[@]}" --num-iterations 12 --eval-every 6 --eval-tokens 1024 --sample-every 12 --log-every 1
run bpb eval bpb --source base --data "$base/base_data" --split-tokens 2048 --device-batch-size 4
run sft sft "${shape[@]}" --num-iterations 6 --eval-every 3 --eval-tokens 1024
run dpo dpo --num-iterations 4 --device-batch-size 2 --total-batch-size 4 --eval-every 2 --log-every 1
run tasks eval tasks --source sft --tasks 'sums|choices' --max-problems 10
run rl rl --source sft --task sums --num-iterations 2 --examples-per-step 2 --num-samples 4 --device-batch-size 4 --max-new-tokens 8 --eval-every 1 --eval-examples 4 --eval-samples 2 --problems 20

# The sections that the stages leave, by name and content.
for section in tokenizer-training tokenizer-evaluation base-model-training base-model-evaluation sft chat-dpo chat-evaluation-sft chat-rl; do
  [ -e "$base/report/$section.json" ] || fail "no section $section"
done
for key in "Number of parameters" "Number of FLOPs per token" "Calculated number of iterations" "Number of training tokens" "Tokens : Scaling params ratio" "DDP world size" \
  warmup_ratio warmdown_ratio final_lr_frac "Minimum validation bpb" "Final validation bpb" "CORE metric estimate" "MFU %" "Total training flops" \
  "Total training time" "Peak memory usage" '"depth": 1'; do has "$base/report/base-model-training.json" "$key"; done
for key in "Number of iterations" "DDP world size" "Minimum validation bpb" '"max_seq_len": 128'; do has "$base/report/sft.json" "$key"; done
has "$base/report/chat-evaluation-sft.json" sums
has "$base/report/chat-evaluation-sft.json" '"source": "sft"'

# No chat-evaluation-rl: it is named, the report is made all the same.
run report report
has report.err "section chat-evaluation-rl is missing, skipped"
page=$base/report/report.html
for picture in "Training loss, base" "Training loss, sft" "Bits per byte on the validation split" "Learning rate" "Norm of the gradient" Throughput \
  "Share of the machine" "Time of each stage" "Preference loss" "Pairs ranked right" "Reward of the roll-outs" "Held-out problems solved" \
  "Bytes per token" "Tasks, sft"; do
  grep -qE "aria-label=\"$picture" "$page" || fail "no picture \"$picture\""
done
[ "$(grep -cE '<h2[^>]*>Environment</h2>' "$page")" = 1 ] || fail "the chapter on the environment begins twice"
for part in Samples Environment Provenance "Records of the stages" "Not in this report" "Data funnel:"; do has "$page" "$part"; done
if grep -qE '<script|src=|<link|@import|url\(|https?://' <(sed 's|xmlns="http://www.w3.org/2000/svg"||g' "$page"); then fail "the page is not self-contained"; fi
cmp -s report.md "$base/report/report.md" || fail "report.md was not copied"

run verify inspect --verify "$base"
has verify.out " 0 changed, 0 missing"

run again report --no-copy
"$LATHE" report compare t "$base/report/report.json" --base-dir "$base" >compare.out 2>compare.err || fail "compare: $(tail -n 2 compare.err)"
for ending in html md json; do [ -s "$base/compare/compare.$ending" ] || fail "no compare.$ending"; done
has "$base/compare/compare.html" "Training loss, base"
has "$base/compare/compare.md" "## Settings that differ"
run card report card --source sft
card=$base/model_cards/t-sft.md
for part in "license:" "model-index:" "## Training data" "synthetic" "## Evaluation" "## Limits" "## Hashes" "lathe chat"; do has "$card" "$part"; done
run checkpoint inspect "$base/chatsft_checkpoints/t"
has checkpoint.out "step_6"

# One byte at each link.
damage() {  # FILE: changes its middle byte
  local at=$(($(stat -c %s "$1") / 2)) old
  cp "$1" kept
  old=$(od -An -tu1 -j "$at" -N 1 "$1" | tr -d ' ')
  # shellcheck disable=SC2059
  printf "\\$(printf %03o $((old ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
for file in base_data/shard_00000.jsonl tokenizer/tokenizer.json base_checkpoints/t/step_12/model.safetensors base_checkpoints/t/step_12/meta.json \
  chatsft_checkpoints/t/step_6/model.safetensors chatrl_checkpoints/t/step_2/optimizer.safetensors eval_results/t/sft/sums.jsonl report/report.html; do
  damage "$base/$file"
  status=0
  "$LATHE" inspect --verify "$base" >red.out 2>red.err || status=$?
  [ "$status" = 1 ] || fail "$file: status $status"
  grep -F "$(basename "$file")" red.out | grep -qE "changed|unreadable" || fail "$file is not named"
  cp kept "$base/$file"
done
mv "$base/base_data/shard_00000.jsonl" kept
if "$LATHE" inspect --verify "$base" >red.out 2>red.err; then fail "a missing file was not noticed"; fi
has red.out "shard_00000.jsonl: missing"
echo "report_test: passed"

#!/usr/bin/env bash
# The chat flow in tiny form, as a user types it: corpus, tokenizer, base, mid-training, fine-tuning on sums, more sums by trying; beside it fine-tuning on
# everything and preferences by an adapter. Each stage must do better than the one before on held-out cases, by more than the spread over seeds.
# C-8.18, C-9.15, L-9.14
# usage: stages_flow_test.sh [SEED]
#
# Measured over seeds (docs/notes/022-flow.md): a base model does none of the sums; fine-tuning goes from none to nearly all within some steps, which steps depends on
# the seed, so the first checkpoint above 0.2 is taken; trying brings 0.065 to 0.144 of the answers that are drawn, spread 0.032; reward accuracy 0.60 to 0.665.
set -euo pipefail
seed=${1:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive
lathe=${LATHE:?}
fail() { echo "FAILED: $*"; exit 1; }
# step NAME COMMAND...: what it prints goes to NAME.out and NAME.err
step() {
  local name=$1 start=$SECONDS
  shift
  "$lathe" "$@" >"$name.out" 2>"$name.err" || fail "$name: $(tail -n 3 "$name.err")"
  echo "$name: $((SECONDS - start)) s"
}
figure() { grep -o "\"$2\": *[0-9.e+-]*" "$1" | tail -n 1 | grep -o '[0-9.e+-]*$'; }  # FILE KEY
score() {  # TAG SOURCE STEP: share of right answers to the held-out sums
  "$lathe" eval tasks --tag "$1" --source "$2" --step "$3" --tasks sums --threads 1 >eval.out 2>eval.err || fail "eval of $2: $(tail -n 3 eval.err)"
  figure "base/eval_results/$1/$2/summary.json" accuracy
}
above() { awk -v a="$1" -v b="$2" -v c="$3" 'BEGIN { exit !(a >= b + c) }' || fail "$4: $1, before $2; $3 more were wanted"; }

shape=(--max-seq-len 256 --device-batch-size 16 --total-batch-size 4096 --threads 1 --seed "$seed" --eval-every -1)
base_rates=(--matrix-lr 0.3 --embedding-lr 4 --unembedding-lr 0.064 --scalar-lr 0.3 --weight-decay 0.02)
rates=(--matrix-lr 0.02 --embedding-lr 0.2 --unembedding-lr 0.005 --init-lr-frac 0.4)
"$lathe" report reset >/dev/null 2>&1
step synth synth --size-mb 6 --conversations 15000 --eval-cases 400 --pairs 4000 --seed "$seed"
step tokenizer tokenizer train --vocab-size 1024
step base train --tag flow "${shape[@]}" --depth 2 --aspect-ratio 64 --head-dim 64 --window-pattern L --num-iterations 400 --sample-every -1 "${base_rates[@]}"
step mid mid --tag flow "${shape[@]}" "${rates[@]}" --mixture builtin --num-iterations 60
# Conversations with a calculation; a model that is stopped early knows how, and is often wrong.
grep '"python"' base/sft/train.jsonl | grep -v '\.count(' >sums.jsonl
step sft sft --tag flow "${shape[@]}" "${rates[@]}" --source mid --data sums.jsonl --num-iterations 200 --save-every 20
# Which step that is depends on the seed: sums are learned at once, after 80 to 140 steps.
base=$(score flow base 400)
for cut in 80 100 120 140 160 180 200; do
  sft=$(score flow sft "$cut")
  awk -v a="$sft" 'BEGIN { exit !(a >= 0.2) }' && break
done
echo "fine-tuning cut short at step $cut"
step rl rl --tag flow --model-step "$cut" --task sums --num-iterations 40 --examples-per-step 16 --num-samples 16 --device-batch-size 16 --max-new-tokens 64 --threads 1 --seed "$seed" \
  --eval-every 40 --eval-examples 300 --eval-samples 4 --save-every -1 --json
rl=$(score flow rl 40)
start=$(figure rl.out right_start) end=$(figure rl.out right)
echo "held-out sums: base $base, fine-tuned $sft, by trying $rl; of all samples at temperature 1: $start, then $end"

# Preferences: what makes one of two answers the better one is learned from pairs.
mkdir -p base/base_checkpoints
cp -r base/mid_checkpoints/flow base/mid_checkpoints/pairs
step chats sft --tag pairs "${shape[@]}" "${rates[@]}" --source mid --mixture builtin --num-iterations 100
step dpo dpo --tag pairs --lora --lora-lr 3e-4 --num-iterations 40 --total-batch-size 16 --device-batch-size 16 --max-length 256 --max-prompt-length 192 --eval-every -1 \
  --save-every -1 --threads 1 --seed "$seed" --json
# The lab's program with the shipped settings whose rate moves an adapter; fewer steps, and the layers that this model has.
step lab_dpo 95_train_dpo --config config/dpo/training/dpo_tiny_lora.json --model_path base/chatsft_checkpoints/pairs/step_100 --tokenizer_dir base/tokenizer \
  --data_dirs base/dpo/train.jsonl --output_dir dpo --max-steps 120 --warmup-steps 12 --save-steps -1 --eval-steps 120 --max-length 256 --max-prompt-length 192 \
  --per-device-train-batch-size 16 --gradient-accumulation-steps 1 --target-modules q_proj k_proj v_proj o_proj gate_proj down_proj --threads 1 --seed "$seed"
accuracy=$(grep -oE 'reward accuracy [0-9.]+' lab_dpo.out | tail -n 1 | grep -oE '[0-9.]+$')
echo "reward accuracy on held-out pairs: $accuracy"

# More than the spread, less than what every seed reached.
above "$sft" "$base" 0.1 "fine-tuning, held-out sums"
above "$end" "$start" 0.035 "trying, right samples of held-out sums"
above "$accuracy" 0.5 0.05 "preferences, reward accuracy"

# Every stage has its section, in order.
"$lathe" report --tag flow >report.out 2>report.err || fail "report: $(tail -n 3 report.err)"
sections=$(grep -oE '^## (Tokenizer training|Base model training|Midtraining|SFT|Chat evaluation (base|sft|rl)|Chat DPO|Chat RL)$' base/report/report.md | cut -c4- | paste -sd,)
[ "$sections" = "Tokenizer training,Base model training,Chat evaluation base,Midtraining,SFT,Chat evaluation sft,Chat DPO,Chat RL,Chat evaluation rl" ] || fail "sections: $sections"

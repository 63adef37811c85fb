#!/usr/bin/env bash
# From nothing to a language model you can talk to: installs what is missing, builds, writes the built-in corpus, trains
# a tokenizer and a model on it, fine-tunes it on dialogues, measures it, writes a report, and opens a chat.
#
# usage: ./speedrun.sh [--tiny] [--serve | --no-chat] [--data DIR]
#   --tiny      the form of about 3 minutes, to see everything work
#   --serve     at the end serve the chat page instead of the terminal chat
#   --no-chat   stop after the report
#   --data DIR  train on your own text (.txt, .jsonl, .parquet, also compressed): a base model, samples, bits per byte
set -euo pipefail
cd "$(dirname "$0")"

# ---- the parameters of the full and of the tiny form -------------------------------------------------------------
tag=speedrun    corpus_mb=60  conversations=120000  vocab_size=4096
depth=5         aspect=50     sequence=256          rows=16        base_steps=2200  first_steps=460  sft_steps=1400  eval_cases=500
tiny() {
  tag=tiny      corpus_mb=10  conversations=15000   vocab_size=2048
  depth=2       aspect=64     sequence=256          rows=16        base_steps=500   first_steps=50   sft_steps=250   eval_cases=100
}
# Rates of base training, before the rule for small batches scales them down by sqrt(batch / 2^19 tokens).
rates=(--matrix-lr 0.3 --embedding-lr 4 --unembedding-lr 0.064 --scalar-lr 0.3 --weight-decay 0.02)
# Rates of the first course, which learns one thing alone: that an option's letter is the answer.
first_rates=(--matrix-lr 0.06 --embedding-lr 0.6 --unembedding-lr 0.015 --init-lr-frac 0.4)
# Rates of fine-tuning: low, or the model forgets how to copy words that stand in no conversation.
sft_rates=(--matrix-lr 0.02 --embedding-lr 0.2 --unembedding-lr 0.005 --init-lr-frac 0.4)
# -------------------------------------------------------------------------------------------------------------------

end=chat
data=
while [ $# -gt 0 ]; do
  case $1 in
    --tiny) tiny ;;
    --serve) end=serve ;;
    --no-chat) end=report ;;
    --data) data=$(realpath "${2:?"--data needs a folder or file"}"); shift ;;
    -h | --help) sed -n '5,9s/^# //p' "$0"; exit 0 ;;
    *) echo "speedrun.sh: unknown argument \"$1\"; see ./speedrun.sh --help" >&2; exit 2 ;;
  esac
  shift
done
[ -z "$data" ] || tag=own-text

start=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - start)); }

step "build"
tools/deps --install
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target lathe
start=$SECONDS  # the times below leave out installing and building

base=${LATHE_BASE_DIR:-$HOME/.cache/lathe}/$tag
lathe() { build/release/lathe "$@" --base-dir "$base" --tag "$tag"; }
batch=$((rows * sequence))
lathe report reset >/dev/null

if [ -z "$data" ]; then
  step "write the corpus"
  lathe synth --size-mb "$corpus_mb" --conversations "$conversations" --eval-cases "$eval_cases"
  data=$base/base_data
  source=sft
else
  source=base
fi
step "train the tokenizer"
lathe tokenizer train --data "$data" --vocab-size "$vocab_size"
step "train the model"
lathe train --data "$data" --depth "$depth" --aspect-ratio "$aspect" --head-dim 64 --window-pattern L --max-seq-len "$sequence" \
  --device-batch-size "$rows" --total-batch-size "$batch" --num-iterations "$base_steps" \
  --eval-every 500 --eval-tokens $((32 * batch)) --sample-every "$base_steps" --log-every 20 "${rates[@]}"
if [ "$source" = sft ]; then
  step "fine-tune, first course: the letters of multiple choice"
  lathe sft --data "$base/sft/first.jsonl" --max-seq-len "$sequence" --device-batch-size "$rows" --total-batch-size "$batch" \
    --num-iterations "$first_steps" --eval-every -1 "${first_rates[@]}"
  step "fine-tune on dialogues"
  lathe sft --source sft --model-step "$first_steps" --max-seq-len "$sequence" --device-batch-size "$rows" --total-batch-size "$batch" --num-iterations "$sft_steps" \
    --eval-every 500 --eval-tokens $((16 * batch)) "${sft_rates[@]}"
  step "measure"
  lathe eval tasks --source sft --max-problems "$eval_cases"
fi
lathe eval bpb --source base --data "$data" --split-tokens $((128 * batch)) --device-batch-size "$rows"
step "report"
lathe report
step "done; talk to it again with: build/release/lathe chat --base-dir $base"

case $end in
  chat) if [ "$source" = sft ]; then lathe chat; else lathe generate --num-samples 3 --temperature 0.8; fi ;;
  serve) lathe serve --source "$source" ;;
esac

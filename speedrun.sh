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
tag=speedrun          corpus_size=60MB   vocab_size=4096
depth=4               sequence=512       batch_tokens=16384   base_steps=600   sft_steps=300   eval_cases=500
tiny() {
  tag=tiny            corpus_size=4MB    vocab_size=1024
  depth=2             sequence=256       batch_tokens=4096    base_steps=60    sft_steps=30    eval_cases=50
}
# -------------------------------------------------------------------------------------------------------------------

end=chat
data=
while [ $# -gt 0 ]; do
  case $1 in
    --tiny) tiny ;;
    --serve) end=serve ;;
    --no-chat) end=report ;;
    --data) data=${2:?"--data needs a folder or file"}; shift ;;
    -h | --help) sed -n '5,9s/^# //p' "$0"; exit 0 ;;
    *) echo "speedrun.sh: unknown argument \"$1\"; see ./speedrun.sh --help" >&2; exit 2 ;;
  esac
  shift
done

start=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - start)); }

step "build"
tools/deps --install
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target lathe
lathe=build/release/lathe
export LATHE_BASE_DIR=${LATHE_BASE_DIR:-$HOME/.cache/lathe}
start=$SECONDS  # the times below leave out installing and building

if [ -z "$data" ]; then
  data=$LATHE_BASE_DIR/synth-$tag
  step "write the corpus"
  "$lathe" synth --output-dir "$data" --size "$corpus_size"
  chat=1
else
  tag=own-text
  chat=0
fi
step "train the tokenizer"
"$lathe" tokenizer train --data "$data" --vocab-size "$vocab_size"
step "train the model"
"$lathe" train --data "$data" --tag "$tag" --depth "$depth" --max-seq-len "$sequence" \
  --total-batch-size "$batch_tokens" --num-iterations "$base_steps"
if [ "$chat" = 1 ]; then
  step "fine-tune on dialogues"
  "$lathe" sft --data "$data" --tag "$tag" --num-iterations "$sft_steps"
  step "measure"
  "$lathe" eval chat --data "$data" --tag "$tag" --max-problems "$eval_cases"
fi
"$lathe" eval bpb --data "$data" --tag "$tag"
step "report"
"$lathe" report --tag "$tag"
step "done"

case $end in
  chat) if [ "$chat" = 1 ]; then exec "$lathe" chat --tag "$tag"; else exec "$lathe" generate --tag "$tag"; fi ;;
  serve) exec "$lathe" serve --tag "$tag" ;;
esac

#!/usr/bin/env bash
# lathe rl from end to end: what it prints, writes and refuses; killed and stopped runs go on to the same bytes.
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
RANDOM=20262

"$lathe" train "${model_flags[@]}" --max-seq-len 128 --data corpus.jsonl --tokenizer bytes.tiktoken --total-batch-size 512 --num-iterations 4 \
  --eval-every -1 --sample-every -1 --threads 1 --tag whole >train.out 2>&1 || fail "the base model: $(tail -n 3 train.out)"
for tag in killed halted; do cp -r "base/base_checkpoints/whole" "base/base_checkpoints/$tag"; done
runs=$LATHE_BASE_DIR/chatrl_checkpoints

# Such a model is never right; the penalty makes a difference between its answers all the same.
rl_flags=(--source base --task spelling --problems 40 --num-iterations 8 --examples-per-step 4 --num-samples 4 --device-batch-size 2
  --max-new-tokens 12 --length-penalty 1 --init-lr-frac 0.2 --eval-every 4 --eval-examples 6 --save-every 1 --threads 1)
rl() {  # TAG [flag...], in the background as $pid
  local tag=$1
  shift
  "$lathe" chat_rl "${rl_flags[@]}" --tag "$tag" "$@" >>"$tag.out" 2>>"$tag.err" &
  pid=$!
}
same_end() {
  local file
  for file in model.safetensors optimizer.safetensors; do
    cmp "$runs/whole/step_8/$file" "$runs/$1/step_8/$file" || fail "$1 ends with another $file"
  done
}

rl whole --kl 0.1 --clip 0.2 --inner-epochs 2
wait "$pid" || fail "the uninterrupted run: $(tail -n 3 whole.err)"
# C-9.15, C-9.18, C-9.11
has whole.out '^Calculated number of steps: 8$' '^Total sequences per step: 16$' '^Calculated examples per rank: 4$' \
  '^Step 0 \| Pass@1: [0-9.]{6}, Pass@2: [0-9.]{6} ' '^Step 8 \| Pass@1: ' \
  '^Step 7 \| example 3 \| pass 1 \| loss: -?[0-9]+\.[0-9]{6} \| average reward: [0-9.]+$' '\| reward: [0-9]\.[0-9]{2} \| sequence length: [0-9]+\.[0-9]{2}$'
has "$runs/whole/metrics.jsonl" '"pass@1": ' '"reward": ' '"sequence_length": ' '"rl/log_prob_difference": 0\.0' '"rl/kl": ' '"train/lrm": 0.5,' '"samples": \["reward 0\.00: '
if [ -n "$(grep -o '"rl/log_prob_difference": [^,}]*' "$runs/whole/metrics.jsonl" | grep -v ' 0\.0$')" ]; then fail "roll-outs and training differ"; fi
# C-9.16, with the optimizer: C-6.17
cmp -s "$runs/whole/step_1/model.safetensors" "$runs/whole/step_8/model.safetensors" && fail "nothing was learned"
[ -f "$runs/whole/step_8/optimizer.safetensors" ] || fail "no optimizer was saved"
has base/report/chat-rl.md 'Chat RL' 'num_samples: 4'

kills=0
while [ "$kills" -lt 4 ]; do
  rl killed --kl 0.1 --clip 0.2 --inner-epochs 2 --resume
  sleep "0.$(printf %03d $((200 + RANDOM % 700)))"
  if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
  wait "$pid" 2>/dev/null || true
  if [ -d "$runs/killed/step_8" ]; then
    same_end killed
    rm -rf "$runs/killed"
  fi
done
rl killed --kl 0.1 --clip 0.2 --inner-epochs 2 --resume
wait "$pid" || fail "the last --resume: $(tail -n 3 killed.err)"
same_end killed

rl halted --kl 0.1 --clip 0.2 --inner-epochs 2
wait_line "$pid" halted.out '^step 0000[1-9]'
kill -TERM "$pid" 2>/dev/null || true  # perhaps it is over already
status=0
wait "$pid" || status=$?
if [ "$status" = 3 ]; then rl halted --kl 0.1 --clip 0.2 --inner-epochs 2 --resume; wait "$pid"; fi
same_end halted
# An adapter: what is held on to is the model without it, and its draws are of the probability that is trained, too.
cp -r base/base_checkpoints/whole base/base_checkpoints/adapter
rl adapter --lora --lora-r 4 --lora-dropout 0 --lora-lr 0.01 --kl 0.1
wait "$pid" || fail "--lora: $(tail -n 3 adapter.err)"
has adapter.out '^adapter of rank 4'
[ -f "$runs/adapter/step_8/adapter_model.safetensors" ] || fail "no adapter was saved: $(ls "$runs/adapter/step_8")"
if [ -n "$(grep -o '"rl/log_prob_difference": [^,}]*' "$runs/adapter/metrics.jsonl" | grep -v ' 0\.0$')" ]; then
  fail "with an adapter roll-outs and training differ"
fi
grep -o '"rl/kl": [^,}]*' "$runs/adapter/metrics.jsonl" | tail -n 1 | grep -q ' 0\.0$' && fail "the adapter never left the reference"
mv "$runs/adapter/step_8" whole_adapter
rl adapter --lora --lora-r 4 --lora-dropout 0 --lora-lr 0.01 --kl 0.1 --resume
wait "$pid" || fail "--lora --resume: $(tail -n 3 adapter.err)"
cmp whole_adapter/adapter_model.safetensors "$runs/adapter/step_8/adapter_model.safetensors" || fail "a resumed adapter differs"
# Other problems under the same run are noticed.
rl halted --problems 41 --resume-from-step 4
wait "$pid" && fail "went on with other problems"
has halted.err 'the problems are others'

# The origin's way, which draws from 50 tokens and does not train the end, says what is wrong with it.
rl whole --compat --advantage normalised --dry-run --num-iterations 2
wait "$pid" || fail "--compat: $(tail -n 3 whole.err)"
has whole.err 'drawn with top-k 50'

refused() {  # PATTERN flag...
  local pattern=$1
  shift
  if "$lathe" rl --source base --tag whole --threads 1 "$@" >no.out 2>no.err; then fail "took $*"; fi
  has no.err "$pattern"
}
# C-9.2, C-9.4
refused 'multiple of --device-batch-size' --task spelling --num-samples 3 --device-batch-size 2
refused 'there are gsm8k, sums, spelling' --task speling
refused 'fewer than the 16 of a step' --task spelling --problems 5
refused 'gsm8k' --task gsm8k
refused 'inner-epochs' --task spelling --inner-epochs 2
# C-9.1: the origin's flags and its defaults, but for top-k.
"$lathe" rl --help=all >help.out
has help.out '--num-epochs N .*\[1\]' '--device-batch-size N .*\[8\]' '--examples-per-step N .*\[16\]' '--num-samples N .*\[16\]' '--max-new-tokens N .*\[256\]' \
  '--temperature X .*\[1\]' '--top-k N .*\[0\]' '--embedding-lr X .*\[0.2\]' '--unembedding-lr X .*\[0.004\]' '--matrix-lr X .*\[0.02\]' \
  '--weight-decay X .*\[0\]' '--init-lr-frac X .*\[0.05\]' '--eval-every N .*\[60\]' '--eval-examples N .*\[400\]' '--save-every N .*\[60\]'
if [ -f "${LATHE_DATA:-}/chat_eval/gsm8k/test.jsonl" ]; then
  refused 'tokens leave no room' --task gsm8k --data "$LATHE_DATA/chat_eval/gsm8k"  # read, but too long for this model
fi

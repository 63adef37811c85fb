#!/usr/bin/env bash
# What every stage was trained on is on record, whole paths included: from another folder the text is found, contamination is told by
# stage down to the base run's, and a byte changed in any file that was read is named.
# C-13.19
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
base=$LATHE_BASE_DIR
said="one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
printf '{"text": "A document says %s."}\n' "$said" >>corpus.jsonl
must() {  # NAME COMMAND...
  local name=$1
  shift
  "$lathe" "$@" --tag t --threads 1 >"$name.out" 2>"$name.err" || { tail -n 5 "$name.err"; fail "$name"; }
}
tiny=(--depth 1 --aspect-ratio 32 --head-dim 32 --max-seq-len 128 --window-pattern L --device-batch-size 4)

must tokenizer tokenizer train --data corpus.jsonl --vocab-size 300
must train train "${tiny[@]}" --data corpus.jsonl --total-batch-size 512 --num-iterations 2 --eval-every -1 --sample-every -1

# A mixture: conversations of a table's form, a word list, and a validation file.
mkdir -p mix
head -n 60 chats.jsonl >mix/told.jsonl
printf '{"messages": [{"role": "user", "content": "count"}, {"role": "assistant", "content": "%s"}]}\n' "$said" >>mix/told.jsonl
head -n 30 chats.jsonl | sed 's/It is/Is/' >mix/held.jsonl
for word in apple banana cherry grape lemon melon olive peach; do echo "$word"; done >mix/words.txt
cat >mix/mix.json <<END
{"train": [{"task": "file", "path": "$work/mix/told.jsonl"}, {"task": "simple_spelling", "path": "$work/mix/words.txt", "size": 20}],
 "validation": [{"task": "file", "path": "$work/mix/held.jsonl"}]}
END
must sft sft --mixture mix/mix.json --max-seq-len 128 --device-batch-size 4 --total-batch-size 512 --num-iterations 2 --eval-every -1

# Problems found by default.
mkdir -p "$base/hosted/gsm8k/main"
for ((i = 0; i < 8; ++i)); do printf '{"question": "%d + 1?", "answer": "#### %d"}\n' "$i" $((i + 1)); done >"$base/hosted/gsm8k/main/train.jsonl"
printf '{"question": "%s", "answer": "#### 4"}\n{"question": "2 + 3?", "answer": "#### 5"}\n' "$said" >"$base/hosted/gsm8k/main/test.jsonl"
must rl rl --num-iterations 1 --examples-per-step 2 --num-samples 2 --device-batch-size 2 --max-new-tokens 4 --eval-every -1

must tiny train_tinyllm --data_path corpus.jsonl --out_dir tiny --tokenizer char --n_layer 1 --n_head 1 --n_embd 16 --block_size 16 --batch_size 2 \
  --max_steps 2 --eval_interval 2 --eval_iters 1 --sample_interval 0 --lr_warmup_steps 1

# From another folder.
mkdir elsewhere
cd elsewhere
must bpb eval bpb --split-tokens 256 --device-batch-size 2
grep -qF "$work/corpus.jsonl" "$base/eval_results/t/base/summary.json" || fail "the corpus of the training was not taken"
must asked eval chat --source rl --tasks GSM8K -x 2 --max-new-tokens 4 --json
for part in '"checked":"by stage"' '"base":{"checked":"n-gram scan"' '"sft":{"checked":"n-gram scan"' '"rl":{"checked":"n-gram scan"' 'base: 1 of 2 items' 'sft: 1 of 2 items'; do
  tr -d ' \n' <asked.out | grep -qF "$(tr -d ' ' <<<"$part")" || { tail -n 1 asked.out | cut -c1-2000; fail "contamination does not say $part"; }
done
has asked.err 'WARN.*contamination|contamination.*share 13 words'

# Every file that was read.
"$lathe" inspect --verify "$base" >whole.out 2>&1 || { tail -n 20 whole.out; fail "the chain is not whole"; }
"$lathe" inspect --verify "$work/tiny" >whole.out 2>&1 || { tail -n 20 whole.out; fail "the chain of the tiny run is not whole"; }
named() {  # FOLDER FILE
  cp "$2" "$work/kept"
  local status=0
  printf 'x' | dd of="$2" bs=1 seek=3 conv=notrunc status=none
  "$lathe" inspect --verify "$1" >red.out 2>&1 || status=$?
  cp "$work/kept" "$2"
  [ "$status" = 1 ] || fail "$2 was changed: status $status"
  grep -F "$(basename "$2")" red.out | grep -qE "changed|unreadable" || { cat red.out; fail "$2 is not named"; }
}
for file in corpus.jsonl mix/mix.json mix/told.jsonl mix/held.jsonl mix/words.txt base/hosted/gsm8k/main/train.jsonl base/hosted/gsm8k/main/test.jsonl \
  base/tokenizer/tokenizer.json; do named "$base" "$work/$file"; done
for file in corpus.jsonl tiny/tokenizer.json; do named "$work/tiny" "$work/$file"; done
echo "provenance_test: passed"

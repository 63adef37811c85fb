#!/usr/bin/env bash
# From base over mid-training to fine-tuning by mixtures: what each stage prints, leaves behind and refuses.
# C-8.1, C-8.2, C-8.19
# C-8.16, C-8.18, C-8.33
# C-8.14, C-8.20, C-8.21
# C-8.3, C-8.17, C-8.36
# C-8.24, C-8.35
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"

"$lathe" train "${train_flags[@]}" --tag m --num-iterations 3 --eval-every -1 >train.out 2>train.err
fail_with() {  # PATTERN FLAG...: refused with a message like the pattern
  local pattern=$1
  shift
  if "$lathe" "$@" --tag m >bad.out 2>bad.err; then fail "accepted: $*"; fi
  has bad.err "$pattern"
}

printf 'fig\r\npear\r\nstrawberry\r\n' >"$LATHE_BASE_DIR/words_alpha.txt"
cat >mixture.json <<'JSON'
{"train": [{"task": "synth", "size": 40}, {"task": "custom_json", "repeat": 2}, {"task": "spelling_bee", "size": 20}, {"task": "simple_spelling", "size": 20, "repeat": 2}],
 "validation": [{"task": "synth", "size": 50, "start": 40}, {"task": "simple_spelling", "size": 5, "split": "test"}]}
JSON
small=(--max-seq-len 64 --device-batch-size 4 --total-batch-size 512 --eval-tokens 512 --threads 1)

# Mid-training: one flat stream of all conversations, every token a target, until the stream comes to its end.
"$lathe" mid --mixture mixture.json "${small[@]}" --tag m --eval-every 20 --save-every 10 >mid.out 2>mid.err
has mid.out '^Warning: .*identity_conversations.jsonl does not exist' 'lathe download identity' '^train: spelling_bee, 20 conversations x 1$' \
  '^Conversations: 100, validation: 15$' '^Step 00000 . Validation bpb: [0-9]' '^Minimum validation bpb: [0-9]+\.[0-9]{4}$'
[ "$(grep -c '^----' mid.out)" = 2 ] || fail "the warning has no frame"
mid=$LATHE_BASE_DIR/mid_checkpoints/m
last=$(find "$mid" -maxdepth 1 -name 'step_*' | sort -V | tail -n 1)
has "$last/meta.json" '^  "stage": "mid"' '"words_sha256": "[0-9a-f]{64}"' '"mixture_entries"'
has "$LATHE_BASE_DIR/report/midtraining.md" '^## Midtraining' 'Number of iterations' 'DDP world size' 'Minimum validation bpb'
"$lathe" generate --source mid --tag m --prompt "1 + 2?" --max-tokens 4 >generate.out 2>generate.err || { cat generate.err; fail "the model of mid-training does not load"; }
# What is watched: answers to the first validation prompts, the share of each task.
has "$mid/metrics.jsonl" '"samples": \[".* →' '"mixture/synth": 0\.[0-9]' '"mixture/spelling_bee": 0\.[0-9]'
# The old name, its documented defaults, and its own place for the first learning rates.
"$lathe" mid_train --print-config >config.json
has config.json '"device_batch_size": 32,' '"max_seq_len": 2048,' '"init_lr_frac": 1(\.0)?,' '"embedding_lr": 0.2,' '"total_batch_size": 524288,' \
  '"eval_every": 150,' '"eval_tokens": 10485760,' '"style": "stream",' '"targets": "every_token",'
"$lathe" chat_sft --print-config >config.json
has config.json '"run": "dummy",' '"model_step": -1,' '"num_iterations": -1,' '"max_seq_len": 2048,' '"device_batch_size": 32,' '"total_batch_size": 524288,' \
  '"embedding_lr": 0.3,' '"unembedding_lr": 0.004,' '"matrix_lr": 0.02,' '"weight_decay": 0(\.0)?,' '"init_lr_frac": 1(\.0)?,' '"eval_every": 150,' \
  '"eval_tokens": 10485760,' '"dry_run": false,' '"targets": "completion",'

# Mid-training killed after a save goes on to the same bytes.
cp -r "$mid" "$work/whole"
rm -rf "$last"
"$lathe" mid --mixture mixture.json "${small[@]}" --tag m --eval-every 20 --save-every 10 --resume >again.out 2>again.err
cmp "$work/whole/${last##*/}/model.safetensors" "$last/model.safetensors" || fail "mid-training went on with other weights"
cmp "$work/whole/${last##*/}/optimizer.safetensors" "$last/optimizer.safetensors" || fail "mid-training went on with another optimizer"

# Fine-tuning on top of it: n steps are n optimizer steps, whatever the accumulation; metrics come every ten of them.
"$lathe" sft --mixture mixture.json --source mid "${small[@]}" --tag m --num-iterations 11 --init-lr-frac 0.5 --eval-every -1 >sft.out 2>sft.err
sft=$LATHE_BASE_DIR/chatsft_checkpoints/m
[ -d "$sft/step_11" ] || fail "eleven iterations are no eleven steps"
has sft.out '^step 00010/00011 ' '^Step 00011 . Validation bpb: '
[ "$(grep -c '"train/loss"' "$sft/metrics.jsonl")" = 2 ] || fail "metrics of steps 0 and 10"
has "$sft/metrics.jsonl" '"mixture/simple_spelling": 0\.[0-9]'
has "$LATHE_BASE_DIR/report/sft.md" '^## SFT' 'num_iterations' 'DDP world size' 'Minimum validation bpb'
# --init-lr-frac is a factor on the rates of all groups: with 0 nothing moves.
"$lathe" sft --mixture mixture.json --source mid "${small[@]}" --tag m --num-iterations 2 --init-lr-frac 0 --eval-every -1 >still.out 2>still.err
cmp "$last/model.safetensors" "$sft/step_2/model.safetensors" || fail "weights moved without a rate"
if cmp -s "$last/model.safetensors" "$sft/step_11/model.safetensors"; then fail "weights did not move with one"; fi
rm -rf "$sft/step_2"
cp "$LATHE_BASE_DIR/report/sft.md" report_before
"$lathe" sft --mixture mixture.json --source mid "${small[@]}" --tag m --num-iterations 2 --device-batch-size 8 --dry-run >dry.out 2>dry.err
has dry.err 'footgun.*8.*4'
cmp report_before "$LATHE_BASE_DIR/report/sft.md" || fail "the dry run wrote a report"
[ ! -d "$sft/step_2" ] || fail "the dry run saved"

# The older way: one conversation a row, the loss instead of bits per byte, the rate falling to nothing, one step less.
"$lathe" sft --style old --mixture mixture.json --tag m --max-seq-len 64 --target-examples-per-step 8 --threads 1 --save-every 5 >old.out 2>old.err
has old.out '^Step 00000 . Validation loss: [0-9]' '^step 00000/00011 .*lrm: 1\.00' '^step 00010/00011 .*lrm: 0\.17'
has "$sft/step_11/meta.json" '"style": "old"' '"init_lr_frac": 0.02' '"source": "mid"' '"device_batch_size": 4,'

# What cannot be meant.
fail_with 'multiple of' sft --style old --mixture mixture.json --max-seq-len 64 --target-examples-per-step 6
fail_with 'training data itself' sft --data chats.jsonl --val-data ./chats.jsonl "${small[@]}"
fail_with 'leave out --data' sft --mixture mixture.json --data chats.jsonl "${small[@]}"
fail_with 'shipped mixture' sft --mixture nothing "${small[@]}"
fail_with 'divisible|multiple' sft --data chats.jsonl "${small[@]}" --total-batch-size 500
fail_with 'lathe download smol-smoltalk' sft --mixture sft "${small[@]}"
printf '{"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]}\n{"messages": 3}\n' >torn.jsonl
fail_with 'torn.jsonl: line 2' sft --data torn.jsonl "${small[@]}"

# Conversations for people.
"$lathe" preview >preview.out 2>preview.err
[ "$(grep -c '^====' preview.out)" = 10 ] || fail "ten examples"
has preview.out "^<<'(fig|pear|strawberry)'.count\('[a-z]'\)=[0-9]>>$" '^#### [0-9]$' '^1,000 conversations$'
"$lathe" preview chats.jsonl -n 1 --start 2 >preview.out 2>preview.err
has preview.out '^It is [0-9]+\.$' '^300 conversations$'
[ "$(grep -c '^====' preview.out)" = 1 ] || fail "one example"
"$lathe" preview --mixture mixture.json -n 2 >preview.out 2>preview.err
has preview.out '^100 conversations$'

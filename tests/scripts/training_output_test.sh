#!/usr/bin/env bash
# What train and sft print and leave behind.
# C-5.17, C-5.25, C-5.29; and C-4.25
# C-5.32, C-6.16, C-14.3
# C-16.3, C-16.4, C-16.8
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"

# Without --tag the folder is d<depth>.
"$lathe" train "${train_flags[@]}" --num-iterations 10 --sample-every 10 --eval-every 5 >train.out 2>train.err
run=$LATHE_BASE_DIR/base_checkpoints/d2
[ -d "$run/step_10" ] || fail "no folder d2"
# Start: machine, vocabulary, config, table of parameters, scaling lines, horizon, micro-batch arithmetic.
has train.out '^Device: cpu, ranks: 1' '^Vocabulary size: 265$' '^Padding the vocabulary from 265 to 320 rows$' '^  "n_embd": 32,$' \
  '^wte                     : 10,240$' '^transformer_matrices    : 24,640$' '^total                   : 55,364$' '^Estimated FLOPs per token: [0-9.]+e\+' \
  '^Scaling learning rates by 0.0312 for a batch of 512 tokens' '^Scaling weight decay from 0.200000' \
  '^Scaling AdamW learning rates by \(32 / 768\)\^-0.5 = 4.898979$' '^Using the given number of iterations: 10$' \
  '^Tokens / micro-batch / rank: 4 x 32 = 128$' '=> gradient accumulation steps: 4$' '^Total number of training tokens: 5,120$' \
  '^Tokens : parameters ratio: 0.15$' '^Total training FLOPs estimate: '
# The seven prompts, greedily continued, each line from its BOS on.
for prompt in 'The capital of France is' 'The chemical symbol of gold is' 'If yesterday was Friday, then tomorrow will be' 'The opposite of hot is' \
  'The planets of the solar system are:' 'My favorite color is' 'If 5*x + 3 = 13, then x is'; do
  [ "$(grep -acF "<|bos|>$prompt" train.out)" = 1 ] || fail "sample of \"$prompt\""
done
# End.
has train.out '^Peak memory usage: [0-9.]+MiB$' '^Total training time: [0-9.]+m$' '^Minimum validation bpb: [0-9]+\.[0-9]{6}$'
[ "$(grep -c '^Step 000[0-9]* | Validation bpb: ' train.out)" = 3 ] || fail "validations at 0, 5 and 10"
# The report's section has every flag, what was set up, and what came out, by the origin's keys (C-13.15, C-13.17).
section=$LATHE_BASE_DIR/report/base-model-training.md
has "$section" '^## Base model training$' '^timestamp: 20' '^- depth: 2$' '^- max_seq_len: 32$' '^- matrix_lr: 0.0200$' '^- run: dummy$' \
  '^- Number of parameters: 55,364$' '^- Number of FLOPs per token: [0-9.]+e\+0[0-9]$' '^- Calculated number of iterations: 10$' \
  '^- Number of training tokens: 5120$' '^- Tokens : Scaling params ratio: 0.14[0-9]*$' '^- DDP world size: 1$' '^- warmup_ratio: 0' '^- warmdown_ratio: 0.5000$' \
  '^- final_lr_frac: 0' '^- Minimum validation bpb: [0-9]' '^- Final validation bpb: [0-9]' '^- CORE metric estimate: None$' '^- MFU %: [0-9.]+%$' \
  '^- Total training flops: [0-9.]+e\+0[0-9]$' '^- Total training time: [0-9.]+m$' '^- Peak memory usage: [0-9.]+MiB$'
# Without validation there is no minimum; -1 silences the samples at the end too.
"$lathe" train "${train_flags[@]}" --tag quiet --num-iterations 3 --eval-every -1 >quiet.out 2>quiet.err
has "$section" '^- Minimum validation bpb: None$' '^- Final validation bpb: None$'
if grep -qaE 'bpb|<\|bos\|>' quiet.out; then fail "bits per byte or samples that nobody asked for"; fi
# Off CUDA FP8 is a word of warning, and every bit of the model is the same.
"$lathe" train "${train_flags[@]}" --tag fp8 --num-iterations 3 --eval-every -1 --fp8 >fp8.out 2>fp8.err
has fp8.err 'fp8.*CUDA'
cmp "$LATHE_BASE_DIR/base_checkpoints/"{quiet,fp8}/step_3/model.safetensors || fail "--fp8 changed the model"
# Started again in the same folder: a word on the checkpoints that stand there.
"$lathe" train "${train_flags[@]}" --tag quiet --num-iterations 2 --eval-every -1 >quiet.out 2>quiet.err
has quiet.err 'holds 1 checkpoint.*step 3.*--resume'

# A fine-tuned model keeps the windows of its base, and its own length stands apart; it finds the tokenizer of its base.
"$lathe" sft "${sft_flags[@]}" --tag d2 --num-iterations 4 >sft.out 2>sft.err
meta=$LATHE_BASE_DIR/chatsft_checkpoints/d2/step_4/meta.json
has "$meta" '^  "stage": "sft"' '^    "sequence_len": 32,' '^    "window_pattern": "SL",' '^    "n_kv_head": 2,' '^  "max_seq_len": 64,' '^  "val_bpb": [0-9]' \
  '^    "tokenizer": "/.*/bytes.tiktoken"'
has sft.out '^step 00003/00004 ' '^Minimum validation bpb: [0-9]+\.[0-9]{4}$'
# C-13.19
has "$LATHE_BASE_DIR/report/sft.md" '^## SFT$' '^- device_batch_size: 4$' '^- Number of iterations: 4$' '^- DDP world size: 1$' '^- Minimum validation bpb: [0-9]'
"$lathe" generate --source sft --tag d2 --prompt "1 + 2?" --max-tokens 4 >generate.out 2>generate.err || { cat generate.err; fail "the fine-tuned model does not load"; }
# The dtype is chosen by name, in both spellings.
for dtype in float32 bfloat16 fp32 bf16; do
  "$lathe" generate --source sft --tag d2 --dtype "$dtype" --prompt "1 + 2?" --max-tokens 4 >generate.out 2>generate.err || { cat generate.err; fail "--dtype $dtype"; }
done
# More rows than the base run had are worth a warning; a dry run saves nothing.
"$lathe" sft "${sft_flags[@]}" --tag d2 --num-iterations 1 --device-batch-size 8 --dry-run >dry.out 2>dry.err
has dry.err 'footgun.*8.*4'
[ ! -d "$LATHE_BASE_DIR/chatsft_checkpoints/d2/step_1" ] || fail "the dry run saved"

# The settings of the CPU run.
"$lathe" plan --config "${LATHE_SOURCE:?}/configs/cpu_run.json" --json >plan.out 2>plan.err
tail -n 1 plan.out >plan.json
has plan.json '"num_iterations": 5000' '"total_batch_size": 16384' '"accumulation": 1' '"transformer_matrices": 10617408' '"fits": (true|false)'
"$lathe" train --config "$LATHE_SOURCE/configs/cpu_run.json" --print-config >config.json
has config.json '"depth": 6,' '"head_dim": 64,' '"window_pattern": "L",' '"max_seq_len": 512,' '"device_batch_size": 32,' '"eval_every": 100,' \
  '"eval_tokens": 524288,' '"core_metric_every": -1,' '"sample_every": 100,'
"$lathe" sft --config "$LATHE_SOURCE/configs/cpu_run_sft.json" --print-config >config.json
has config.json '"max_seq_len": 512,' '"device_batch_size": 32,' '"total_batch_size": 16384,' '"eval_every": 200,' '"eval_tokens": 524288,' \
  '"num_iterations": 1500,'

# The newest two stay, the best does, and the one that a run was told to start from.
kept=$LATHE_BASE_DIR/base_checkpoints/kept
"$lathe" train "${train_flags[@]}" --tag kept --num-iterations 8 --save-every 1 --eval-every -1 --keep 2 >kept.out 2>kept.err
[ "$(ls -d "$kept"/step_* | xargs -n 1 basename | sort -V | xargs)" = "step_7 step_8" ] || fail "--keep 2: $(ls "$kept")"
"$lathe" train "${train_flags[@]}" --tag kept --num-iterations 12 --save-every 1 --eval-every -1 --keep 1 --resume-from-step 7 >kept.out 2>kept.err
[ "$(ls -d "$kept"/step_* | xargs -n 1 basename | sort -V | xargs)" = "step_7 step_12" ] || fail "--keep 1 from step 7: $(ls "$kept")"

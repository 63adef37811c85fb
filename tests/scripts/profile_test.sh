#!/usr/bin/env bash
# What a run says of its own time: --profile, the performance lines, the plan's time; none of it changes the result.
# L-13.1, L-13.6, L-13.11; and L-14.10
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"

runs=$LATHE_BASE_DIR/base_checkpoints

"$lathe" train "${train_flags[@]}" --num-iterations 12 --tag plain >plain.out 2>plain.err
"$lathe" train "${train_flags[@]}" --num-iterations 12 --tag profiled --profile --profile-from 4 --profile-steps 3 --json >profiled.out 2>profiled.err
"$lathe" train "${train_flags[@]}" --num-iterations 12 --tag uncompiled --no-compile >uncompiled.out 2>uncompiled.err
for tag in profiled uncompiled; do
  for file in model.safetensors optimizer.safetensors; do
    cmp "$runs/plain/step_12/$file" "$runs/$tag/step_12/$file" || fail "$tag: another $file"
  done
done
has plain.err 'compile on: the engine always runs its planned form'
has uncompiled.err 'compile off: the engine always runs its planned form'

# Every run: the measured product rate, median and spread, the split.
has plain.err 'products reach [0-9]+ GFLOP/s here'
has plain.out '^Tokens per second: median [0-9,]+, 10 to 90 % of the steps [0-9,]+ to [0-9,]+, in all [0-9,]+ ' '^mfu: [0-9.]+ of the [0-9]+ GFLOP/s' \
  '^Time of the steps: data [0-9.]+ %, forward [0-9.]+ %, head [0-9.]+ %, backward [0-9.]+ %, optimizer [0-9.]+ %, other [0-9.]+ % of [0-9.]+ s$' \
  '^Apart from them: evaluation [0-9.]+ s, sampling [0-9.]+ s, saving [0-9.]+ s$'
# Some line at least: a step that had to wait for its processor rounds to 0.00.
grep -qE '^step .*mfu: ([1-9]|0\.(0[1-9]|[1-9]))' plain.out || fail "the mfu column is empty"
metrics=$runs/plain/metrics.jsonl
has "$metrics" '"system/rss_mb": [0-9]' '"system/cpu_utilisation": [0-9]' '"train/waiting_share": [0-9]' '"performance/tok_per_sec_p50": [0-9]' \
  '"performance/saving_seconds": [0-9]'
has "$LATHE_BASE_DIR/report/base-model-training.md" 'performance tok_per_sec_p50: ' 'performance training_seconds: '
[ ! -e "$runs/plain/profile.json" ] || fail "a profile that nobody asked for"

# --profile: table, JSON, trace.
has profiled.out '^Profile of 3 steps, ' '^operation .*GFLOP/s +GB/s +of limit$' '^attention_backward +backward ' '^outside of operations ' '^Profile: .*/profile.json, trace'
has "$runs/profiled/profile.json" '"steps": 3,' '"op": "matmul_bf16",' '"phase": "optimizer",' '"of_limit": [0-9]' '"stream_gb_per_s": [0-9]'
has "$runs/profiled/trace.json" '"traceEvents"' '"ph": "X".*"name": "rms_norm", "cat": "op", "ts": [0-9.]+, "dur": [0-9.]+' '"name": "backward", "cat": "phase"'
tail -n 1 profiled.out >figures.json
has figures.json '"mfu": [0-9.e-]+' '"gemm_gflops": [0-9]' '"mfu_peak": null' '"performance": \{'

# Fine-tuning has the same; a dry run prints the table and writes nothing.
"$lathe" sft "${sft_flags[@]}" --tag plain --num-iterations 3 --dry-run --profile >sft.out 2>sft.err
has sft.out '^Tokens per second: median ' '^Profile of 3 steps, '
[ ! -e "$LATHE_BASE_DIR/chatsft_checkpoints/plain/profile.json" ] || fail "the dry run wrote a profile"

status=0
"$lathe" train "${train_flags[@]}" --profile --profile-steps 0 >bad.out 2>bad.err || status=$?
[ "$status" = 1 ] || fail "status $status for --profile-steps 0"
has bad.err 'profile_steps.*at least 1'

# The plan tells the time of a step, unless told not to run anything.
plan_flags=("${model_flags[@]}" --tokenizer bytes.tiktoken --total-batch-size 512 --num-iterations 60 --threads 1)
"$lathe" plan "${plan_flags[@]}" --json >plan.out 2>plan.err
has plan.out '^a step takes about [0-9]+ ms \(forward [0-9]+, head [0-9]+, backward [0-9]+, optimizer [0-9]+; no less than ' '"time": \{"step_ms": [0-9.e-]+, "tok_per_s": [0-9]' '"training_hours": [0-9]'
"$lathe" plan "${plan_flags[@]}" --json --no-measure >plan.out 2>plan.err
if grep -qE 'a step takes|"time"' plan.out; then fail "--no-measure measured"; fi

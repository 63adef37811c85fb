#!/usr/bin/env bash
# The commands of docs/lab.md run as they stand; then the run of phase A is killed and goes on to the same bytes.
# L-1.37, L-1.45, L-5.32
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$lathe" "$work/bin/lathe"
export PATH="$work/bin:$PATH" HOME="$work" OMP_WAIT_POLICY=passive
unset LATHE_BASE_DIR
fail() { echo "$*"; exit 1; }

awk '/^```sh$/ {on = 1; next} /^```/ {on = 0} on' "${LATHE_SOURCE:?}/docs/lab.md" >"$work/commands"
[ "$(grep -cE '^(! )?lathe ' "$work/commands")" -ge 10 ] || fail "docs/lab.md lost its commands"
cd "$work/run"
echo 'set -e' | cat - "$work/commands" >"$work/script"
sed -i -E 's/^! (.*)$/if \1; then echo "went well and should not: \1"; exit 1; fi/' "$work/script"
if ! bash "$work/script" >"$work/out" 2>"$work/err" </dev/null; then
  tail -n 15 "$work/out" "$work/err"
  exit 1
fi

# L-15.10, L-1.37, L-1.47: pretraining appends the model's name, fine-tuning does not.
for file in checkpoints/pretrain/micro/micro/{step_40,step_80,final}/{model,optimizer}.safetensors checkpoints/pretrain/micro/micro/manifest.json \
  checkpoints/sft/micro/final/{adapter_config.json,adapter_model.safetensors,optimizer.safetensors,meta.json} checkpoints/sft/micro/generations/step_20.json; do
  [ -s "$file" ] || fail "no $file"
done
grep -q '"finished": true' checkpoints/pretrain/micro/micro/final/meta.json || fail "final is not marked"
grep -q 'Already done' "$work/out" || fail "the finished run was trained again"
grep -q '1,574,016 parameters' "$work/out" || fail "the micro model has another size"
grep -qE 'Phase 2 begins' "$work/out" || fail "the second phase was not announced"
grep -qE 'Learning rate over the border: ' "$work/out" || fail "no rate over the border"

for shown in 'pretrain/micro/micro "samples": \[' 'pretrain/micro/micro "mixture/' 'sft/micro "samples": \['; do
  grep -q "${shown#* }" "checkpoints/${shown%% *}/metrics.jsonl" || fail "the metrics of ${shown%% *} have no ${shown#* }"
done

# L-5.43, L-5.44: killed at any step, also inside a save, the run goes on to the same weights and the same curve.
# As a job the program itself has the job's number, not a shell around it.
train_a_as_job() { exec lathe 40_pretrain --config phase_a.json --data_dirs data/processed/stories data/processed/books --data_weights 0.67 0.33 --tokenizer_dir data/tok --output_dir "$@"; }
train_a() { (train_a_as_job "$@"); }
train_a again >"$work/a.out" 2>&1
cmp again/micro/step_40/model.safetensors checkpoints/pretrain/micro/micro/step_40/model.safetensors || fail "two runs differ"
for wait in 0.9 1.6 2.3; do
  (train_a_as_job killed) >"$work/k.out" 2>&1 &
  pid=$!
  sleep "$wait"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
# L-5.62: what is watched may differ.
train_a killed --dashboard 0 --on-spike off >"$work/k.out" 2>&1 || { tail -5 "$work/k.out"; fail "the killed run does not go on"; }
cmp killed/micro/step_40/model.safetensors again/micro/step_40/model.safetensors || fail "the killed run ended elsewhere"
curve() { grep -o '"step": *[0-9]*\|"train/window_loss": *[0-9.e+-]*\|"train/lrm": *[0-9.e+-]*\|"val/loss": *[0-9.e+-]*' "$1"; }
[ "$(curve killed/micro/metrics.jsonl)" = "$(curve again/micro/metrics.jsonl)" ] || fail "the curves differ"

# L-5.47: a signal between two steps leaves a checkpoint and status 3.
rm -rf stopped
(train_a_as_job stopped) >"$work/s.out" 2>&1 &
pid=$!
until grep -q '^step 1/' "$work/s.out"; do sleep 0.1; done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 3 ] || fail "status $code after a signal"
ls stopped/micro | grep -q '^step_' || fail "no checkpoint after a signal"

# L-5.50: any number of threads gives the same bits.
OMP_NUM_THREADS=1 train_a one_thread >"$work/t.out" 2>&1
cmp one_thread/micro/step_40/model.safetensors again/micro/step_40/model.safetensors || fail "another number of threads, other bits"

#!/usr/bin/env bash
# The commands of docs/lab.md run as they stand; then the run of phase A is killed and goes on to the same bytes.
# L-1.37, L-1.45, L-5.32
# L-16.3, L-16.4, L-16.6
# L-1.35, L-16.12
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
# No network at all, where the system lets a test do without.
offline() { if unshare -rn true 2>/dev/null; then unshare -rn "$@"; else "$@"; fi; }
# L-1.1, L-1.4
for step in 10_prepare_corpus 20_train_tokenizer 30_pack_dataset 40_pretrain 50_evaluate_pretrain 60_prepare_sft_corpus 70_train_sft 80_evaluate_sft 90_prepare_dpo_corpus \
  95_train_dpo 98_evaluate_dpo; do
  grep -qE "^lathe (--mixed_precision bf16 )?scripts/$step\.py " "$work/commands" || fail "docs/lab.md does not run $step"
done
if ! offline bash "$work/script" >"$work/out" 2>"$work/err" </dev/null; then
  tail -n 15 "$work/out" "$work/err"
  exit 1
fi

# L-15.10, L-1.37, L-1.47: pretraining appends the model's name, fine-tuning does not.
for file in checkpoints/pretrain/micro/micro/{step_40,step_80,final}/{model,optimizer}.safetensors checkpoints/pretrain/micro/micro/manifest.json \
  checkpoints/sft/micro/final/{adapter_config.json,adapter_model.safetensors,optimizer.safetensors,meta.json} checkpoints/sft/micro/generations/step_20.json \
  checkpoints/dpo/micro/final/{adapter_model.safetensors,meta.json} evaluation_results/{pretrain,sft,dpo}/micro/results.{json,md} evaluation_results/dpo/micro/results.csv; do
  [ -s "$file" ] || fail "no $file"
done
grep -q '"finished": true' checkpoints/pretrain/micro/micro/final/meta.json || fail "final is not marked"
grep -q 'Already done' "$work/out" || fail "the finished run was trained again"
grep -q '1,574,016 parameters' "$work/out" || fail "the micro model has another size"
grep -qE 'Phase 2 begins' "$work/out" || fail "the second phase was not announced"
grep -qE '^Evaluation at step 80 .* equivalent epochs: 0\.[0-9]+, data/processed/books 0\.[0-9]+, data/processed/stories 0\.[0-9]+$' "$work/out" || fail "no equivalent epochs"
grep -q '^Evaluation at step 0 .*loss 0.69315;' "$work/out" || fail "the loss of preferences does not start at ln 2"
if grep -q 'Minimum validation bpb' "$work/out"; then fail "a loss of tokens is called bits per byte"; fi
grep -qE 'Learning rate over the border: ' "$work/out" || fail "no rate over the border"

for shown in 'pretrain/micro/micro "samples": \[' 'pretrain/micro/micro "mixture/' 'sft/micro "samples": \['; do
  grep -q "${shown#* }" "checkpoints/${shown%% *}/metrics.jsonl" || fail "the metrics of ${shown%% *} have no ${shown#* }"
done

# L-16.9: every file that the programs leave is on the page of its format.
on_page() {  # PAGE FILE...
  local page=$LATHE_SOURCE/docs/formats/$1 file
  shift
  for file in "$@"; do grep -qF "$(basename "$file")" "$page" || fail "$(basename "$file") is not in $page"; done
}
for page in "$LATHE_SOURCE"/docs/formats/*.md; do
  name=$(basename "$page")
  [ "$name" = README.md ] || grep -qF "($name)" "$LATHE_SOURCE/docs/formats/README.md" || fail "docs/formats/README.md does not list $name"
done
on_page packed.md data/processed/stories/*
on_page tokenizer.md data/tok/*
on_page checkpoint.md checkpoints/pretrain/micro/micro/final/* checkpoints/pretrain/micro/micro/step_40/keep.json
on_page adapter.md checkpoints/sft/micro/final/*

# L-5.43, L-5.44: killed at any step, also inside a save, the run goes on to the same weights and the same curve.
# As a job the program itself has the job's number, not a shell around it.
train_a_as_job() { exec lathe 40_pretrain --config phase_a.json --data_dirs data/processed/stories data/processed/books --data_weights 0.67 0.33 --tokenizer_dir data/tok --output_dir "$@" --num_workers 2 --log-level INFO; }
train_a() { (train_a_as_job "$@"); }
train_a again >"$work/a.out" 2>&1
cmp again/micro/step_40/model.safetensors checkpoints/pretrain/micro/micro/step_40/model.safetensors || fail "two runs differ"
# kill_once COMMAND FOLDER: kills the program once a line like $when was printed, or a save is under way. Where it was faster it is begun anew, with the
# folder as it was.
kill_once() {
  local pid status
  rm -rf before
  if [ -e "${2:?}" ]; then cp -r "$2" before; fi
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    : >"$work/k.out"
    ("$@") >"$work/k.out" 2>&1 &
    pid=$!
    until grep -qE "$when" "$work/k.out" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = lathe ]; then kill -9 "$pid" 2>/dev/null || true; fi
    status=0
    wait "$pid" 2>/dev/null || status=$?
    [ "$status" != 137 ] || return 0
    [ "$status" = 0 ] || { tail -5 "$work/k.out"; fail "status $status before it was killed at: $when"; }
    grep -qE "$when" "$work/k.out" || { tail -5 "$work/k.out"; fail "it ended without a line like $when"; }
    rm -rf "$2"
    if [ -e before ]; then cp -r before "$2"; fi
  done
  fail "every run was over before it was killed at: $when"
}
when='^step 1/' kill_once train_a_as_job killed          # before any checkpoint
when='saved .*step_10/model' kill_once train_a_as_job killed  # in the middle of a save
when='^step 21/' kill_once train_a_as_job killed
# L-5.62: what is watched may differ.
train_a killed --dashboard 0 --on-spike off >"$work/k.out" 2>&1 || { tail -5 "$work/k.out"; fail "the killed run does not go on"; }
cmp killed/micro/step_40/model.safetensors again/micro/step_40/model.safetensors || fail "the killed run ended elsewhere"
curve() { grep -v '"performance/' "$1" | grep -o '"step": *[0-9]*\|"train/window_loss": *[0-9.e+-]*\|"train/lrm": *[0-9.e+-]*\|"val/loss": *[0-9.e+-]*'; }
[ "$(curve killed/micro/metrics.jsonl)" = "$(curve again/micro/metrics.jsonl)" ] || fail "the curves differ"

# L-5.47: a signal between two steps leaves a checkpoint and status 3. The run is long: it is not over before the signal.
rm -rf stopped
(train_a_as_job stopped --max-steps 100000) >"$work/s.out" 2>&1 &
pid=$!
until grep -q '^step 1/' "$work/s.out"; do
  kill -0 "$pid" 2>/dev/null || { tail -5 "$work/s.out"; fail "it ended before the signal"; }
  sleep 0.1
done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 3 ] || fail "status $code after a signal"
ls stopped/micro | grep -q '^step_' || fail "no checkpoint after a signal"

# L-5.50: any number of threads gives the same bits.
OMP_NUM_THREADS=1 train_a one_thread >"$work/t.out" 2>&1
cmp one_thread/micro/step_40/model.safetensors again/micro/step_40/model.safetensors || fail "another number of threads, other bits"

# L-7.33: fine-tuning, killed inside a save and after some steps, ends with the same adapter.
tune() { lathe 70_train_sft --config sft.json --model_path checkpoints/pretrain/micro/micro/final --data_dirs data/sft_processed/trial --tokenizer_dir data/tok --output_dir "$1"; }
tune_as_job() { exec lathe 70_train_sft --config sft.json --model_path checkpoints/pretrain/micro/micro/final --data_dirs data/sft_processed/trial --tokenizer_dir data/tok --output_dir "$1"; }
when='saved .*step_3/adapter' kill_once tune_as_job tuned
when='saved .*step_9/meta' kill_once tune_as_job tuned
tune tuned >"$work/u.out" 2>&1 || { tail -5 "$work/u.out"; fail "fine-tuning does not go on"; }
cmp tuned/final/adapter_model.safetensors checkpoints/sft/micro/final/adapter_model.safetensors || fail "the killed fine-tuning ended elsewhere"

# L-5.48: two checkpoints of 19 MB must fit before the first step; one is not enough.
if unshare -rm bash -c 'mkdir disk && mount -t tmpfs -o size=30m none disk' 2>/dev/null; then
  rm -rf disk
  unshare -rm bash -c 'mkdir disk && mount -t tmpfs -o size=30m none disk && ! lathe 40_pretrain --config phase_a.json --data_dirs data/processed/books --tokenizer_dir data/tok --output_dir disk && ! ls disk/micro/step_*' >"$work/d.out" 2>&1 ||
    { tail -5 "$work/d.out"; fail "training began without room for two checkpoints"; }
  grep -qiE 'space|free' "$work/d.out" || { tail -5 "$work/d.out"; fail "no word of the space"; }
fi

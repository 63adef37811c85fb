#!/usr/bin/env bash
# The lab's fine-tuning beyond its documented command: whole weights by config, answers at each evaluation, runs that are
# killed, go on or start from a folder, and validation that is not there. The data and the model are those of docs/lab.md.
# L-7.27, L-7.32
# L-7.33, L-7.34, L-7.37
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$lathe" "$work/bin/lathe"
export PATH="$work/bin:$PATH" HOME="$work" OMP_WAIT_POLICY=passive
unset LATHE_BASE_DIR
fail() { echo "FAILED: $*"; exit 1; }

cd "$work/run"
awk '/^## .*Preferences/ {exit} /^```sh$/ {on = 1; next} /^```/ {on = 0} on' "${LATHE_SOURCE:?}/docs/lab.md" | grep -vE '^! |--config phase_b.json|70_train_sft' >"$work/commands"
echo 'set -e' | cat - "$work/commands" >"$work/script"
bash "$work/script" >"$work/out" 2>"$work/err" </dev/null || { tail -n 15 "$work/out" "$work/err"; fail "the data and the model"; }
base=checkpoints/pretrain/micro/micro/step_40
data=trial
# tune_as_job OUT [flag...]: the program itself is the job, not a shell around it.
tune_as_job() {
  local out=$1
  shift
  exec lathe 70_train_sft --config sft.json --model_path "$base" --data_dirs "data/sft_processed/$data" --tokenizer_dir data/tok --output_dir "$out" "$@"
}
tune() { (tune_as_job "$@") >"$1.out" 2>"$1.err"; }

# Answers are kept per evaluation.
tune adapter || { tail -n 5 adapter.err; fail "an adapter"; }
for step in 10 20; do
  [ "$(tr -d '\n' <"adapter/generations/step_$step.json" | grep -oE '"prompt": *"What is 2 \+ 3\?", *"answer": *"' | wc -l)" = 1 ] || fail "no answer at step $step"
done
[ "$(ls adapter/generations | wc -l)" = 2 ] || fail "answers of other steps: $(ls adapter/generations)"

# kill_often WHOLE KILLED FILE [flag...]: a run that is killed three times ends with the bytes of the whole one.
kill_often() {
  local whole=$1 killed=$2 file=$3 wait pid
  shift 3
  for wait in 0.5 0.9 1.3; do
    (tune_as_job "$killed" "$@") >>"$killed.out" 2>>"$killed.err" &
    pid=$!
    sleep "$wait"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  tune "$killed" "$@" || { tail -n 5 "$killed.err"; fail "$killed does not go on"; }
  cmp "$whole/final/$file" "$killed/final/$file" || fail "$killed ended elsewhere"
  cmp "$whole/final/optimizer.safetensors" "$killed/final/optimizer.safetensors" || fail "$killed ended with another optimizer"
  cmp "$whole/generations/step_20.json" "$killed/generations/step_20.json" || fail "$killed answers otherwise"
}
kill_often adapter killed adapter_model.safetensors

# From a checkpoint that is named, with the flags of pretraining.
saved=$(find adapter -maxdepth 1 -name 'step_*' | sort -V | head -n 1)
tune elsewhere --resume_from_checkpoint "$saved" --num_workers 1 --log-level WARNING || { tail -n 5 elsewhere.err; fail "--resume_from_checkpoint"; }
cmp adapter/final/adapter_model.safetensors elsewhere/final/adapter_model.safetensors || fail "from ${saved##*/} on it ended elsewhere"
if grep -q ' - INFO - ' elsewhere.err; then fail "--log-level WARNING shows more"; fi

# Whole weights: the config alone decides.
cp sft.json lora.json
sed 's/"lora_config": {/"lora_config": {"enabled": false, /' lora.json >sft.json
tune full || { tail -n 5 full.err; fail "whole weights"; }
[ -s full/final/model.safetensors ] || fail "no model.safetensors"
[ ! -e full/final/adapter_config.json ] || fail "whole weights left an adapter"
if cmp -s full/final/model.safetensors "$base/model.safetensors"; then fail "the weights did not move"; fi
grep -q '^All 1,574,016 parameters are trained' full.out || fail "what is trained is not said"
kill_often full full_killed model.safetensors
cp lora.json sft.json

# Without conversations to validate on an interval of evaluation is refused.
sed 's/"train_ratio": 0.9/"train_ratio": 1.0/' sft_data.json >all.json
lathe 60_prepare_sft_corpus --config all.json --tokenizer_dir data/tok --output_dir data/sft_processed/all >/dev/null 2>all.err || { tail -n 3 all.err; fail "data without validation"; }
data=all
if tune blind; then fail "evaluation without validation data was accepted"; fi
grep -q 'eval_steps.*no data set has conversations to validate on' blind.err || { cat blind.err; fail "another message"; }
tune blind --eval_steps -1 || { tail -n 3 blind.err; fail "eval_steps -1"; }
echo passed

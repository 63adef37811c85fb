#!/usr/bin/env bash
# Mid-training, fine-tuning by an adapter, and the lab's 70_train_sft and 95_train_dpo, killed at random moments: going on ends with the bytes of a run
# that was never stopped. Base and fine-tuning: kill_resume_test.sh; dpo: preference_test.sh; rl: rl_test.sh; 40_pretrain: lab_flow_test.sh; the small
# trainer: tinyllm_test.sh. C-6.17, L-5.43, L-5.44
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
RANDOM=20263

# kill_often NAME KILLS FOLDER LAST COMMAND...: kills and goes on until KILLS hits, then lets it end. LAST exists at its end.
kill_often() {
  local name=$1 kills=0 wanted=$2 folder=$3 last=$4
  shift 4
  while [ "$kills" -lt "$wanted" ]; do
    "$@" >>"$name.out" 2>>"$name.err" &
    pid=$!
    sleep "0.$(printf %03d $((100 + RANDOM % 600)))"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
    if [ -d "$last" ]; then rm -rf "${folder:?}"; fi  # it was faster: another round from the start
  done
  "$@" >>"$name.out" 2>>"$name.err" || fail "$name does not go on: $(tail -n 3 "$name.err")"
}
same() {  # FOLDER FOLDER FILE...
  local one=$1 two=$2 file
  shift 2
  for file in "$@"; do cmp "$one/$file" "$two/$file" || fail "$two ends with another $file"; done
}
# Steps, losses and rates; not what depends on the clock, nor the last line, which is of one process: one killed behind its last step writes none.
curve() { grep -v '"performance/' "$1/metrics.jsonl" | grep -oE '"(step|train/loss|train/window_loss|train/lrm|val/[a-z]+)": *[0-9.e+-]+'; }

run train whole --architecture llama --max-seq-len 64 --num-iterations 6 --save-every -1 --eval-every -1 || fail "base training: $(tail -n 3 whole.train.err)"
cp -r base/base_checkpoints/{whole,killed}

"$lathe" mid "${sft_flags[@]}" --tag whole --save-every 2 >mid.out 2>mid.err || fail "mid: $(tail -n 3 mid.err)"
last=$(basename "$(find base/mid_checkpoints/whole -maxdepth 1 -name 'step_*' | sort -V | tail -n 1)")
[ "${last#step_}" -gt 10 ] || fail "mid-training ended at $last"
kill_often mid 3 base/mid_checkpoints/killed "base/mid_checkpoints/killed/$last" "$lathe" mid "${sft_flags[@]}" --tag killed --save-every 2 --resume
same base/mid_checkpoints/{whole,killed}/"$last" model.safetensors optimizer.safetensors
[ "$(curve base/mid_checkpoints/whole)" = "$(curve base/mid_checkpoints/killed)" ] || fail "mid: another curve"

adapter=(--lora --lora-r 4 --lora-lr 0.01 --lora-dropout 0.1 --save-every 2 --num-iterations 20)
"$lathe" sft "${sft_flags[@]}" "${adapter[@]}" --tag whole >sft.out 2>sft.err || fail "sft --lora: $(tail -n 3 sft.err)"
kill_often sft 3 base/chatsft_checkpoints/killed base/chatsft_checkpoints/killed/step_20 "$lathe" sft "${sft_flags[@]}" "${adapter[@]}" --tag killed --resume
same base/chatsft_checkpoints/{whole,killed}/step_20 adapter_model.safetensors token_rows.safetensors optimizer.safetensors
[ "$(curve base/chatsft_checkpoints/whole)" = "$(curve base/chatsft_checkpoints/killed)" ] || fail "sft --lora: another curve"

# The lab's programs go on without being asked to.
printf '{"name": "trial", "template": "instruct", "datasets": [{"name": "trial", "type": "local", "path": "chats.jsonl"}], "output_params": {"sequence_length": 64, "train_ratio": 0.9},
  "quality_filters": {"min_prompt_length": 1, "min_response_length": 1, "remove_duplicates": false}}' >sft_data.json
"$lathe" 60_prepare_sft_corpus --config sft_data.json --tokenizer_dir bytes.tiktoken --output_dir corpus >corpus.out 2>&1 || fail "60_prepare_sft_corpus: $(tail -n 3 corpus.out)"
cat >sft.json <<'JSON'
{"name": "trial", "training_params": {"learning_rate": 2e-3, "max_steps": 20, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "warmup_ratio": 0.1,
  "logging_steps": 1, "eval_steps": 10, "save_steps": 2, "evaluation_strategy": "steps", "lr_scheduler_type": "cosine"}, "lora_config": {"r": 4, "lora_alpha": 8, "lora_dropout": 0.05}}
JSON
lab_sft=(70_train_sft --config sft.json --model_path base/base_checkpoints/whole/step_6 --data_dirs corpus --tokenizer_dir bytes.tiktoken --threads 1)
"$lathe" "${lab_sft[@]}" --output_dir lab/whole >lab.out 2>lab.err || fail "70_train_sft: $(tail -n 3 lab.err)"
kill_often lab_sft 3 lab/killed lab/killed/final "$lathe" "${lab_sft[@]}" --output_dir lab/killed
same lab/{whole,killed}/final adapter_model.safetensors optimizer.safetensors
[ "$(curve lab/whole)" = "$(curve lab/killed)" ] || fail "70_train_sft: another curve"

awk 'BEGIN { srand(3); for (i = 0; i < 240; i++) { a = int(rand() * 90); b = int(rand() * 9); c = 1 + int(rand() * 5)
  printf "{\"prompt\": \"%d + %d?\", \"chosen\": \"It is %d.\", \"rejected\": \"It is %d.\"}\n", a, b, a + b, a + b + c } }' >pairs.jsonl
lab_dpo=(95_train_dpo --config config/dpo/training/dpo_tiny_lora.json --model_path lab/whole/final --data_dirs pairs.jsonl --tokenizer_dir bytes.tiktoken --max_steps 20
  --warmup_steps 2 --eval_steps -1 --save_steps 2 --logging_steps 1 --max_length 64 --max_prompt_length 48 --threads 1)
"$lathe" "${lab_dpo[@]}" --output_dir preferred/whole >dpo.out 2>dpo.err || fail "95_train_dpo: $(tail -n 3 dpo.err)"
kill_often lab_dpo 3 preferred/killed preferred/killed/final "$lathe" "${lab_dpo[@]}" --output_dir preferred/killed
same preferred/{whole,killed}/final adapter_model.safetensors optimizer.safetensors
[ "$(curve preferred/whole)" = "$(curve preferred/killed)" ] || fail "95_train_dpo: another curve"

#!/usr/bin/env bash
# Preferences end to end: pairs prepared and verified, training refused without fine-tuning, an adapter and whole weights killed and resumed, the lab's
# program. L-1.53, L-1.56, L-9.15; further rows stand at their lines.
set -euo pipefail
# shellcheck source=tests/scripts/training_fixture.bash
source "$(dirname "$0")/training_fixture.bash"
RANDOM=20262

awk 'BEGIN { srand(3); for (i = 0; i < 240; i++) { a = int(rand() * 90); b = int(rand() * 9); c = 1 + int(rand() * 5)
  printf "{\"prompt\": \"%d + %d?\", \"chosen\": \"It is %d.\", \"rejected\": \"It is %d.\"}\n", a, b, a + b, a + b + c } }' >pairs.jsonl
cat >pairs.json <<'JSON'
{"name": "sums", "template": "chatml", "datasets": [{"name": "sums", "path": "elsewhere.jsonl"}],
 "output_params": {"shard_size": 100, "max_length": 64, "max_prompt_length": 48},
 "quality_filters": {"min_prompt_length": 1, "min_chosen_length": 1, "min_rejected_length": 1}}
JSON
corpus() { "$lathe" 90_prepare_dpo_corpus --config pairs.json --tokenizer_dir bytes.tiktoken --output_dir pairs --source_map sums=pairs.jsonl --template chat "$@" >corpus.out 2>corpus.err; }
# L-1.52
corpus || fail "corpus dpo: $(cat corpus.err)"
has corpus.out 'sums: 240 records, [0-9]+ kept' 'Saved preference pairs to pairs'
[ -f pairs/train_00000.jsonl ] && [ -f pairs/val_00000.jsonl ] && [ -f pairs/manifest.json ] && [ -f pairs/DATA_CARD.md ] || fail "files of the corpus"
# L-9.5
has pairs/manifest.json '"tokenizer_sha256": "[0-9a-f]{64}"' '"template": "chat"' '"template_version"'
corpus && has corpus.out 'already done' || fail "a second time: $(cat corpus.err)"
if corpus --max_samples 100; then fail "another corpus replaced the first without --force"; fi

run train whole --num-iterations 20 --save-every -1 --eval-every -1 || fail "base training"
run sft whole --save-every -1 || fail "fine-tuning"
bases=$LATHE_BASE_DIR/base_checkpoints
fine=$LATHE_BASE_DIR/chatsft_checkpoints
taught=$LATHE_BASE_DIR/chatdpo_checkpoints
flags=(--data pairs --max-length 64 --max-prompt-length 48 --device-batch-size 4 --total-batch-size 8 --num-iterations 40 --save-every 5 --eval-every 20 --log-every 1
  --threads 1)
for tag in lora_killed full full_killed; do cp -r "$fine/whole" "$fine/$tag"; done

# L-1.56
status=0
"$lathe" dpo "${flags[@]}" --tag whole --source base >out 2>err || status=$?
[ "$status" = 1 ] || fail "a model without fine-tuning: status $status"
has err 'without fine-tuning in its record' 'allow_without_sft'
"$lathe" dpo "${flags[@]}" --tag whole --source base --num-iterations 2 --dry-run --allow-without-sft >out 2>err || fail "allow_without_sft: $(cat err)"

if "$lathe" dpo "${flags[@]}" --tag whole --total-batch-size 9223372036854775800 >out 2>err; then fail "a step of more pairs than memory holds"; fi
has err 'the most of one step'

# teach TAG [flag...]
teach() {
  local tag=$1
  shift
  "$lathe" dpo "${flags[@]}" --tag "$tag" "$@" >>"$tag.out" 2>>"$tag.err"
}
kill_often() {  # WHOLE KILLED FILE [flag...]
  local whole=$1 tag=$2 file=$3 kills=0
  shift 3
  while [ "$kills" -lt 3 ]; do
    "$lathe" dpo "${flags[@]}" --tag "$tag" --resume "$@" >>"$tag.out" 2>>"$tag.err" &
    pid=$!
    if [ "$kills" -lt 2 ]; then
      sleep "0.$(printf %03d $((100 + RANDOM % 600)))"
    else  # however slow the machine is: at least once with a checkpoint and all that is computed once
      until compgen -G "$taught/$tag/step_*" >/dev/null || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    fi
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    if [ -d "$taught/$tag/step_40" ]; then rm -rf "${taught:?}/$tag"; else kills=$((kills + 1)); fi
  done
  teach "$tag" --resume "$@" || fail "the last resume: $(tail -n 3 "$tag.err")"
  for name in "$file" optimizer.safetensors; do
    cmp "$taught/$whole/step_40/$name" "$taught/$tag/step_40/$name" || fail "$tag ends with another $name"
  done
}
# L-9.9
teach whole --lora || fail "an adapter: $(tail -n 3 whole.err)"
has whole.out '^step 00000/00040 .* loss: 0\.693147 .* margin: 0\.0000'
kill_often whole lora_killed adapter_model.safetensors --lora
teach full || fail "whole weights: $(tail -n 3 full.err)"
has full.out '^step 00000/00040 .* loss: 0\.693147 .* margin: 0\.0000'
has full.err 'reference log-probabilities of [0-9]+ pairs written to'
kill_often full full_killed model.safetensors
has full_killed.err 'reference log-probabilities of [0-9]+ pairs from'
# L-9.16, L-9.14
tr -d ' \n' <"$taught/whole/step_40/meta.json" | grep -qE '"chain":\[\{"stage":"sft","path":"[^"]*model.safetensors","sha256":"[0-9a-f]{64}"' || fail "no chain in the record"
for figure in loss rewards/chosen rewards/rejected margin accuracy logps/chosen logps/rejected kl update_norm; do
  grep -q "\"dpo/$figure\"" "$taught/whole/metrics.jsonl" || fail "no dpo/$figure among the metrics"
done
has "$taught/whole/metrics.jsonl" '"samples": \['

# What was prepared must still be what it was, for this tokenizer.
cp -r pairs changed
sed -i '1s/It is/It was/' changed/train_00000.jsonl
status=0
"$lathe" dpo --data changed --tag whole --dry-run >out 2>err || status=$?
[ "$status" = 1 ] || fail "changed pairs: status $status"
has err 'train_00000.jsonl'

# Documented values stay as they are, and one config has a rate that moves a fresh adapter. L-9.10, L-9.11, L-1.55
for name in tiny small base; do
  "$lathe" 95_train_dpo --config config/dpo/training/dpo_$name.json --print-config >config.out 2>config.err || fail "dpo_$name.json: $(cat config.err)"
  has config.out '"learning_rate": 5e-0?7' '"max_steps": 2000' '"per_device_train_batch_size": 2' '"gradient_accumulation_steps": 8' '"warmup_steps": 200' \
    '"scheduler_type": "cosine"' '"weight_decay": 0.01' '"gradient_checkpointing": true' '"beta": 0.1' '"max_length": 1024' '"max_prompt_length": 512' \
    '"loss_type": "sigmoid"' '"label_smoothing": 0' '"reference_free": false' '"truncation_mode": "keep_end"' '"precompute_ref_log_probs": false' '"lora": true'
done
# L-9.12, contradictions C15 and C31
"$lathe" 95_train_dpo --config config/dpo/training/dpo_tiny_lora.json --print-config >config.out 2>config.err || fail "dpo_tiny_lora.json: $(cat config.err)"
has config.out '"learning_rate": 1e-0?4'
"$lathe" 90_prepare_dpo_corpus --config config/dpo/datasets/hh_rlhf.json --print-config >config.out 2>config.err || fail "hh_rlhf.json: $(cat config.err)"

# The lab's program, on a model of its family. L-1.54 L-15.10: the output path as given
run train lab --architecture llama --num-iterations 20 --save-every -1 --eval-every -1 || fail "base training of the lab's family"
run sft lab --save-every -1 || fail "its fine-tuning"
source_step=$(find "$fine/lab" -maxdepth 1 -name 'step_*' | sort -V | tail -n 1)
lab() {
  "$lathe" scripts/95_train_dpo.py --config config/dpo/training/dpo_tiny.json --data_dirs pairs --tokenizer_dir bytes.tiktoken --output_dir checkpoints/dpo/tiny --max_steps 6 \
    --warmup_steps 1 --eval_steps 3 --save_steps 3 --logging_steps 1 --max_length 64 --max_prompt_length 48 --threads 1 "$@" >lab.out 2>lab.err
}
lab --model_path "$source_step" || fail "95_train_dpo: $(tail -n 3 lab.err)"
[ -f checkpoints/dpo/tiny/final/adapter_model.safetensors ] || fail "no checkpoints/dpo/tiny/final"
has lab.out 'held-out pairs: reward accuracy' 'Finished at step 6'
has checkpoints/dpo/tiny/metrics.jsonl '"samples": \['
# Two sets: their shares are among the figures.
cp -r pairs more_pairs
lab --model_path "$source_step" --data_dirs more_pairs --data_weights 0.75 0.25 --output_dir checkpoints/dpo/mixed || fail "95_train_dpo on two sets: $(tail -n 3 lab.err)"
has checkpoints/dpo/mixed/metrics.jsonl '"mixture/pairs": 0\.[67]' '"mixture/more_pairs": 0\.[23]'
# A second adapter on the first: the chain names base and both.
lab --model_path checkpoints/dpo/tiny/final --output_dir checkpoints/dpo/second || fail "an adapter on an adapter: $(tail -n 3 lab.err)"
[ "$(tr -d ' \n' <checkpoints/dpo/second/final/meta.json | grep -oE '"stage":"(sft|dpo)","path"' | wc -l)" = 3 ] || fail "the chain of the second adapter"
tr -d ' \n' <checkpoints/dpo/second/final/lathe_adapter.json | grep -q '"below":\[{' || fail "the second adapter's record names none below"
status=0
lab --model_path "$bases/lab/step_20" --output_dir checkpoints/dpo/base || status=$?
[ "$status" = 1 ] || fail "95_train_dpo on a base: status $status"
has lab.err 'without fine-tuning'
# L-15.11
status=0
lab --model_path checkpoints/dpo/tiny --output_dir checkpoints/dpo/doubled || status=$?
[ "$status" = 1 ] || fail "95_train_dpo on a folder above its checkpoint: status $status"
echo "preferences: ok"

#!/usr/bin/env bash
# The lab's evaluations 50, 80 and 98 on the micro models of docs/lab.md, with a small text and a few questions of their own.
# L-1.39, L-1.40, L-1.49
# L-1.50, L-1.57, L-1.58
# L-6.1, L-6.6, L-6.10; further rows stand at their lines
set -euo pipefail
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$lathe" "$work/bin/lathe"
export PATH="$work/bin:$PATH" HOME="$work" OMP_WAIT_POLICY=passive
unset LATHE_BASE_DIR
fail() { echo "FAILED: $*"; exit 1; }
# has FILE PATTERN...: every pattern (extended) matches a line
has() {
  local file=$1 pattern
  shift
  for pattern in "$@"; do grep -qEe "$pattern" "$file" || { tail -n 30 "$file"; fail "$file: no line like \"$pattern\""; }; done
}
# refused STATUS COMMAND...: ends with that status, messages in err
refused() {
  local wanted=$1 status=0
  shift
  "$@" >out 2>err || status=$?
  [ "$status" = "$wanted" ] || { tail -n 3 err; fail "status $status, not $wanted: $*"; }
}

cd "$work/run"
awk '/^```sh$/ {on = 1; next} /^```/ {on = 0} on' "${LATHE_SOURCE:?}/docs/lab.md" | grep -vE '^! |^lathe .*_evaluate_' >"$work/commands"
echo 'set -e' | cat - "$work/commands" >"$work/script"
bash "$work/script" >"$work/out" 2>"$work/err" </dev/null || { tail -n 15 "$work/out" "$work/err"; fail "the models"; }

awk 'BEGIN { srand(5); for (i = 0; i < 220; i++) { s = "The"; n = 5 + int(rand() * 12); for (j = 0; j < n; j++) s = s " word" int(rand() * 90); print s "." } }' >text.txt
awk 'BEGIN { srand(6); for (i = 0; i < 40; i++) printf "{\"passage\": \"The %d birds of the lake sing in spring.\", \"question\": \"do birds sing %d\", \"answer\": %s}\n", i, i, rand() < 0.6 ? "true" : "false" }' >boolq.jsonl
data=(--wikitext_path text.txt --boolq_path boolq.jsonl)
pretrained=checkpoints/pretrain/micro/micro
e50() { lathe scripts/50_evaluate_pretrain.py --config config/evaluation/pretrain_standard.json --tokenizer_dir data/tok "${data[@]}" "$@"; }
e80() { lathe scripts/80_evaluate_sft.py --config config/evaluation/sft_standard.json --model_path checkpoints/sft/micro/final --tokenizer_dir data/tok "${data[@]}" "$@"; }
e98() { lathe scripts/98_evaluate_dpo.py --config config/evaluation/dpo_standard.json --model_path checkpoints/dpo/micro/final --tokenizer_dir data/tok --eval_data_dir data/dpo_processed/pairs "${data[@]}" "$@"; }
value() { tr -d ' \n' <"$1" | grep -oE "\"$2\":-?[0-9.e+-]+" | head -n 1 | cut -d: -f2; }
# The loss of the validation section.
validation_loss() { tr -d ' \n' <"$1" | sed 's/.*"metrics"://; s/.*"validation"://' | grep -oE '"loss":[0-9.]+' | head -n 1 | cut -d: -f2; }
trained_loss() { grep "\"step\": *$2," "$1" | grep -oE '"val/loss": *[0-9.]+' | tail -n 1 | sed 's/.*: *//'; }

e50 --model_path "$pretrained/final" >50.out 2>50.err || { tail -n 3 50.err; fail "50_evaluate_pretrain"; }
results=evaluation_results/pretrain/micro/results.json
for file in results.json results.md results_generations.jsonl results_boolq.jsonl manifest.json; do [ -s "evaluation_results/pretrain/micro/$file" ] || fail "no $file"; done
# L-1.11, L-6.2
has 50.out '^Settings: ' '"max_new_tokens": 128' 'Perplexity on another text: [0-9.]+ .* bits per byte, .* per word; windows of 128, stride 64' 'BoolQ: .* of 40; always the more common answer' 'Texts: 6;'
has "$results" '"model_path"' '"step": 80' '"tokenizer_sha256"' '"sha256"' '"protocol"' '"low"' '"seconds"' '"verdict"' '"time"'
has evaluation_results/pretrain/micro/results.md '^\| perplexity \| ' '^\| boolq \| '
# L-6.5
[ "$(wc -l <evaluation_results/pretrain/micro/results_generations.jsonl)" = 6 ] || fail "six texts"
if grep -qE '"output": "[^"]*(</?s>|<\|)' evaluation_results/pretrain/micro/results_generations.jsonl; then fail "a special token in a text"; fi
# L-6.8, L-6.10: the loss of the evaluation inside training, at the end and at another step.
[ "$(validation_loss "$results")" = "$(trained_loss "$pretrained/metrics.jsonl" 80)" ] || fail "validation $(validation_loss "$results"), in training $(trained_loss "$pretrained/metrics.jsonl" 80)"
e50 --model_path "$pretrained/step_40" --output_dir at_40 --no-perplexity --no-boolq --no-generation >out 2>err || { tail -n 3 err; fail "step_40"; }
# Of the first phase; the second one began by evaluating the same weights on its own mix.
grep -m 1 '^Evaluation at step 40 ' "$work/out" | grep -q "loss $(printf '%.5f' "$(validation_loss at_40/results.json)"), " || fail "validation of step 40: $(validation_loss at_40/results.json)"
# L-1.15
e50 --model_path "$pretrained/final" >out 2>err || fail "a second time"
has out '^Already done'
refused 1 e50 --model_path "$pretrained/final" --stride 32
has err '--force replaces it'
e50 --model_path "$pretrained/final" --stride 32 --force >out 2>err || fail "--force"
has out 'stride 32'
# L-6.9: the same texts, answers and figures on one thread in small batches.
e50 --model_path "$pretrained/final" --output_dir one --threads 1 --batch-tokens 100 >out 2>err || fail "one thread"
e50 --model_path "$pretrained/final" --output_dir two --threads 2 >out 2>err || fail "two threads"
for file in results_boolq.jsonl results_generations.jsonl; do cmp "one/$file" "two/$file" || fail "$file depends on the threads"; done
[ "$(value one/results.json bits_per_byte)" = "$(value two/results.json bits_per_byte)" ] || fail "bits per byte depend on the threads"
# L-1.41, L-6.7: absent data is not a score; only when nothing at all runs is it an error.
lathe 50_evaluate_pretrain --model_path "$pretrained/final" --tokenizer_dir data/tok --output_dir bare --no-generation >out 2>err || { tail -n 3 err; fail "without data"; }
has out 'perplexity: not run: .*wikitext-2-raw/wiki.test.raw is not there; `lathe download wikitext2`' 'boolq: not run: .*lathe download eval-bundle'
has bare/results.md '^\| perplexity \| not run \|'
if tr -d ' \n' <bare/results.json | grep -q '"perplexity":{"value"'; then fail "a score of what was not run"; fi
refused 1 lathe 50_evaluate_pretrain --model_path "$pretrained/final" --tokenizer_dir data/tok --output_dir none --no-generation --no-validation
has err 'nothing could be run'
[ ! -e none ] || fail "results of nothing"
for ((i = 0; i < 256; ++i)); do printf "\\x$(printf %02x "$i")" | base64 | tr -d '\n'; echo " $i"; done >bytes.tiktoken
refused 1 lathe 50_evaluate_pretrain --model_path "$pretrained/final" --tokenizer_dir bytes.tiktoken --output_dir none
has err 'was trained with the tokenizer'
refused 1 lathe 50_evaluate_pretrain --model_path "$pretrained/final" --output_dir none
has err 'tokenizer_dir.*20_train_tokenizer'
refused 1 lathe 50_evaluate_pretrain --model_path checkpoints/pretrain/micro/final --tokenizer_dir data/tok --output_dir none
has err 'checkpoints/pretrain/micro/micro/final is one'
# L-12.7: the greedy setting, with its note.
e50 --model_path "$pretrained/final" --output_dir greedy --do_sample false --no-perplexity --no-boolq --no-validation >out 2>err || fail "greedy"
has err 'do_sample is off: the most likely token is taken, and temperature, top_k, top_p, repetition_penalty, no_repeat_ngram_size have no effect'
refused 1 e50 --model_path "$pretrained/final" --output_dir none --smoke_tests
has err 'smoke_tests'

# L-1.51, L-8.6, L-8.7, L-8.8
e80 --output_file deep/er/sft.json >80.out 2>80.err || { tail -n 3 80.err; fail "80_evaluate_sft"; }
for file in sft.json sft.md sft_generations.jsonl sft_smoke_tests.jsonl sft_boolq.jsonl sft_manifest.json; do [ -s "deep/er/$file" ] || fail "no $file"; done
has 80.out 'Validation: loss .* tokens of the assistant' 'Perplexity on another text' 'Smoke tests: [0-9]+ of 24 passed' '^Beside it: base' 'perplexity_loss .* p [01]\.[0-9]+: '
[ "$(validation_loss deep/er/sft.json)" != "" ] || fail "no loss on the assistant's tokens"
tr -d ' \n' <deep/er/sft.json | grep -qE "\"loss\":$(trained_loss checkpoints/sft/micro/metrics.jsonl 20)" || fail "the loss is not the one of the fine-tuning"
has deep/er/sft.md '^## Beside base' '^\| boolq \| .* \| (differs|not distinguishable) \|'
has deep/er/sft.json '"prompt_template": "chatml"' '"adapters": 1' '"multilingual"'
base_file=$pretrained/final/model.safetensors
cp "$base_file" saved
printf 'x' | dd of="$base_file" bs=1 seek=100000 conv=notrunc 2>/dev/null
refused 1 e80 --output_file none.json
has err 'SHA-256|sha256|hash'
mv saved "$base_file"
mv "$pretrained" away
refused 1 e80 --output_file none.json
has err 'model.safetensors'
mv away "$pretrained"
# L-8.3
refused 1 e80 --output_file none.json --prompt_template instruct
has err 'prompt_template.*instruct.*trained with chatml'
# L-8.1, L-8.2
sed 's/"enabled": true/"enabled": false/; s/"max_samples": null/"max_samples": 10/; s/"prompt_template": null/"prompt_template": "chatml"/; s/"use_lora": null/"use_lora": true/' "$LATHE_SOURCE/configs/lab/evaluation/sft_standard.json" |
  awk '/"categories"/ {print "        \"categories\": [\"reasoning\"]"; skip = 1} !skip {print} /\]/ {if (skip) skip = 0}' >few.json
lathe 80_evaluate_sft --config few.json --model_path checkpoints/sft/micro/final --tokenizer_dir data/tok "${data[@]}" --output_file few/r.json --boolq --smoke_tests >out 2>err || { tail -n 3 err; fail "switched metrics"; }
has out 'BoolQ: .* of 10;' 'Smoke tests: [0-9] of 3 passed'
if grep -qE '^(Texts|Perplexity|Validation)' out; then fail "a metric that is off"; fi
# L-8.9: merged into the weights, within the tolerance of rounding.
e80 --output_file merged.json --merged --no-baseline --no-smoke_tests --no-generation --dtype fp32 >out 2>err || { tail -n 3 err; fail "merged"; }
e80 --output_file apart.json --no-baseline --no-smoke_tests --no-generation --dtype fp32 >out 2>err || fail "not merged"
awk -v a="$(value merged.json loss)" -v b="$(value apart.json loss)" 'BEGIN { d = a - b; exit !(a > 0 && d < 1e-4 && d > -1e-4) }' || fail "merged $(value merged.json loss), apart $(value apart.json loss)"

# L-1.4: the last of the three programs of preferences.
# L-9.17, L-9.18, L-9.19
e98 --output_file dpo/results.json >98.out 2>98.err || { tail -n 3 98.err; fail "98_evaluate_dpo"; }
for file in results.json results.csv results.md results_examples.jsonl results_generations.jsonl; do [ -s "dpo/$file" ] || fail "no $file"; done
has 98.out 'Preferences \(validation split, [0-9]+ pairs\): reward margin .*, win rate .* ties [0-9]+; ' '^Beside it: sft' '^Beside it: base'
has dpo/results.csv '^model,metric,value,low,high,n,note$' '^model,preferences.reward_margin,-?[0-9.e-]+,' '^model,preferences.perplexity_chosen,' '^model,boolq,' '^sft,boolq,' '^model,generation.distinct_2,'
has dpo/results.json '"beta": 0.1' '"split": "validation"' '"reference": "sft"' '"adapters": 2' '"length_bins"' '"verdict"'
[ "$(wc -l <dpo/results_examples.jsonl)" = 15 ] || fail "15 examples of model and baseline"
if grep -q 'the model was trained on' dpo/results.json; then fail "held-out pairs are called pairs of training"; fi
e98 --output_file train.json --eval_split train --eval_samples 20 --no-boolq --no-generation --no-baseline >out 2>err || { tail -n 3 err; fail "the train split"; }
has train.json '"split": "train"' 'scored on pairs that the model was trained on' '"pairs": 20'
has err 'the pairs are those of training'
e98 --output_file held.json --eval_samples 20 --no-boolq --no-generation --no-baseline >out 2>err || fail "a sample"
first=$(value held.json value)
e98 --output_file held.json --eval_samples 20 --no-boolq --no-generation --no-baseline --force >out 2>err || fail "the same sample"
[ "$first" = "$(value held.json value)" ] || fail "two samples of one seed"
e98 --output_file held.json --eval_samples 20 --shuffle_seed 7 --no-boolq --no-generation --no-baseline --force >out 2>err || fail "another sample"
[ "$first" != "$(value held.json value)" ] || fail "another seed, the same pairs"
echo "lab_eval: ok"

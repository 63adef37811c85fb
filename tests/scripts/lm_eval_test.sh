#!/usr/bin/env bash
# lm-eval's local-completions judges a model that `lathe serve` serves: over the same items of multiple choice its log-likelihoods and
# verdicts are those of `lathe eval core`, item by item. LATHE_PYTHON names an interpreter that has lm-eval and transformers, else
# python3; skipped where there is none. L-10.8
set -euo pipefail
python=${LATHE_PYTHON:-python3}
command -v "$python" >/dev/null && "$python" -c 'import lm_eval, transformers, tenacity' 2>/dev/null || { echo "no Python with lm-eval and transformers"; exit 77; }
# shellcheck source=tests/scripts/server_fixture.bash
source "${LATHE_SOURCE:?}/tests/scripts/server_fixture.bash"
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 TRANSFORMERS_VERBOSITY=error HF_HOME=$work/hf_home TOKENIZERS_PARALLELISM=false
make_model

awk 'BEGIN { srand(7); split("one two three red green blue", words, " "); for (i = 0; i < 40; i++) {
  n = 1 + int(rand() * 12); s = "document " i ":"; for (j = 0; j < n; j++) s = s " w" int(rand() * 50)
  a = 1 + int(rand() * 6); b = a % 6 + 1; c = b % 6 + 1; gold = int(rand() * 3)
  printf "{\"query\": \"%s. One two three, red\", \"choices\": [\"%s\", \"%s\", \"%s\"], \"gold\": %d}\n", s, words[a], words[b], words[c], gold } }' >words.jsonl
printf 'icl_tasks:\n- label: words\n  dataset_uri: words.jsonl\n  icl_task_type: multiple_choice\n  num_fewshot: [0]\n  continuation_delimiter: " "\n  random_baseline: 33\n' >list.yaml
quiet "$lathe" eval core --tag small --source base --task-files list.yaml --tasks words --threads 1

cat >words.yaml <<END
task: words
dataset_path: json
dataset_kwargs: {data_files: {test: $work/words.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "<|bos|>{{query}}"
doc_to_choice: "{{choices}}"
doc_to_target: gold
target_delimiter: " "
metric_list: [{metric: acc}, {metric: acc_norm}]
END
quiet "$lathe" tokenizer convert --from "$LATHE_BASE_DIR/tokenizer" --to hf --output hf
echo '{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|bos|>", "eos_token": "<|bos|>"}' >hf/tokenizer_config.json
start_server --tag small --source base
model=$(http GET /v1/models | grep -oE '"id": "[^"]*"' | head -n 1 | cut -d'"' -f4)
quiet "$python" -m lm_eval --model local-completions --tasks words --include_path . --log_samples --output_path judged --batch_size 8 \
  --model_args "model=$model,base_url=$url/v1/completions,tokenizer_backend=huggingface,tokenizer=$work/hf,num_concurrent=2,max_retries=1,max_length=500"

"$python" - judged "$LATHE_BASE_DIR/eval_results/small/base/core_words.jsonl" <<'END'
import glob, json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("hf")
theirs = {}
for line in open(glob.glob(sys.argv[1] + "/**/samples_words_*.jsonl", recursive=True)[0]):
    sample = json.loads(line)
    theirs[sample["doc_id"]] = sample
ours = {item["row"]: item for item in map(json.loads, open(sys.argv[2]))}
assert len(theirs) == len(ours) == 40, (len(theirs), len(ours))
equal = 0
for row, item in ours.items():
    sample = theirs[row]
    lengths = [len(tokenizer.encode(" " + choice, add_special_tokens=False)) for choice in sample["doc"]["choices"]]
    means = [-float(response[0]) / length for response, length in zip(sample["filtered_resps"], lengths)]
    for mean, loss in zip(means, item["losses"]):
        assert abs(mean - loss) <= 1e-6 * max(1, abs(loss)), (row, means, item)
    assert (min(range(3), key=means.__getitem__) == sample["doc"]["gold"]) == item["correct"], (row, means, item)
    if len(set(lengths)) == 1:
        assert bool(sample["acc"]) == item["correct"], (sample, item)
        equal += 1
assert equal >= 10, f"only {equal} items whose options have as many tokens"
print(f"40 items judged alike, {equal} by lm-eval's own accuracy")
END

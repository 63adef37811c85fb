#!/usr/bin/env bash
# A folder of GPT-2's shape with its real tokenizer and random weights, made by Hugging Face's library, judged here and there: the same
# token ids, greedy text and losses of every option and token of a few CORE examples. Needs Python with torch and transformers
# (LATHE_PYTHON) and the real tokenizer and tasks (LATHE_DATA); skipped without. C-7.7
set -euo pipefail
python=${LATHE_PYTHON:-python3}
command -v "$python" >/dev/null && "$python" -c 'import torch, transformers, tokenizers' 2>/dev/null || { echo "no Python with torch and transformers"; exit 77; }
files=${LATHE_DATA:-}/tokenizers/gpt2 bundle=${LATHE_DATA:-}/eval_bundle
[ -f "$files/vocab.bpe" ] && [ -f "$bundle/core.yaml" ] || { echo "no GPT-2 tokenizer and CORE tasks (LATHE_DATA)"; exit 77; }
lathe=${LATHE:-${LATHE_BUILD:?}/lathe}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
fail() { echo "FAILED: $*"; exit 1; }
quiet() { "$@" >out.txt 2>err.txt || { tail -n 5 err.txt; fail "$*"; }; }

cat >make.py <<'PYTHON'
import shutil, sys, torch
from transformers import GPT2Config, GPT2LMHeadModel
torch.manual_seed(1)
model = GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=2, n_head=4, initializer_range=0.2)).eval()
for p in model.parameters():
    if p.dim() == 1: p.data += 0.1 * torch.randn_like(p)
model.save_pretrained("my-gpt2")
shutil.copy(sys.argv[1] + "/encoder.json", "my-gpt2/vocab.json")
shutil.copy(sys.argv[1] + "/vocab.bpe", "my-gpt2/merges.txt")
PYTHON
quiet "$python" make.py "$files"
tasks="arc_easy copa lambada_openai bigbench_qa_wikidata winograd"
quiet "$lathe" eval core --hf-path my-gpt2 --bundle "$bundle" --tasks "${tasks// /|}" --max-per-task 12 --dtype fp32 --threads 1
quiet "$lathe" import my-gpt2
"$lathe" generate --tag my-gpt2 --prompt "The quick brown" --max-tokens 64 --temperature 0 --dtype fp32 --threads 1 >said.txt 2>err.txt || { tail -n 3 err.txt; fail "generate"; }

cat >check.py <<'PYTHON'
import json, subprocess, sys, torch
import torch.nn.functional as F
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoModelForCausalLM
lathe, bundle, tasks = sys.argv[1], sys.argv[2], sys.argv[3].split()
tok = ByteLevelBPETokenizer("my-gpt2/vocab.json", "my-gpt2/merges.txt")
model = AutoModelForCausalLM.from_pretrained("my-gpt2").eval()
end = tok.token_to_id("<|endoftext|>")
assert end == 50256
encode = lambda text: [end] + tok.encode(text).ids
for text in ["The quick brown", "  two\n\n lines\t ", "caf\u00e9 \u65e5\u672c\u8a9e \U0001f600", "don't WE'LL 12345", "\n", " x", "a\u00a0b \u2028", "x = [1,2]; // y"]:
    done = subprocess.run([lathe, "tokenizer", "encode", "--tokenizer", "base/base_checkpoints/my-gpt2/tokenizer", "--json"], input=text.encode(), capture_output=True, check=True)
    assert json.loads(done.stdout)["ids"] == tok.encode(text).ids, text

@torch.no_grad()
def losses(ids):
    logits = model(torch.tensor([ids])).logits[0]
    return F.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none").tolist(), logits.argmax(-1).tolist()

def common(lists, reverse=False):
    n = 0
    for column in zip(*[reversed(x) if reverse else x for x in lists]):
        if len(set(column)) > 1: break
        n += 1
    return n

ids = encode("The quick brown")
for _ in range(64):
    ids.append(losses(ids)[1][-1])
said = tok.decode(ids[1:], skip_special_tokens=False) + "\n"
assert len(set(ids[-64:])) > 16, "the text hardly varies"
assert open("said.txt", encoding="utf-8", errors="replace", newline="").read() == said, said

import re
listed = {}
for entry in open(bundle + "/core.yaml").read().split("label: ")[1:]:
    find = lambda key: re.search(key + r": (.*)", entry)
    listed[entry.split("\n")[0].strip()] = (find("dataset_uri").group(1).strip(), find("icl_task_type").group(1).strip(),
                                            json.loads(find("continuation_delimiter").group(1)) if find("continuation_delimiter") else " ")
compared = 0
for task in tasks:
    uri, kind, delimiter = listed[task]
    rows = [json.loads(line) for line in open(f"{bundle}/eval_data/{uri}", encoding="utf-8") if line.strip()]
    def shown(row, option=None, ending=True):
        if kind == "multiple_choice": return row["query"] + delimiter + row["choices"][row["gold"] if option is None else option]
        if kind == "schema": return row["context_options"][row["gold"] if option is None else option] + delimiter + row["continuation"]
        return row["context"].strip() + delimiter + (row["continuation"] if ending else "")
    answers = [json.loads(line) for line in open(f"base/eval_results/my-gpt2/foreign/core_{task}.jsonl", encoding="utf-8")]
    assert len(answers) == 12, task
    for answer in answers[:3]:
        row, shots = rows[answer["row"]], "".join(shown(rows[i]) + "\n\n" for i in answer["examples"])
        if kind == "language_modeling":
            before, whole = encode((shots + shown(row, ending=False)).strip()), encode(shots + shown(row))
            values, predicted = losses(whole)
            expected = values[len(before) - 1:]
            assert answer["correct"] == (predicted[len(before) - 1:-1] == whole[len(before):]), (task, answer)
        else:
            every = [encode(shots + shown(row, i)) for i in range(len(answer["losses"]))]
            head, tail = common(every), common(every, True)
            expected = []
            for one in every:
                values = losses(one)[0]
                values = values[head - 1:] if kind == "multiple_choice" else values[len(one) - tail - 1:]
                expected.append(sum(values) / len(values))
            best = expected.index(min(expected))
            assert answer["answer"] == best and answer["correct"] == (best == row["gold"]), (task, answer, expected)
        assert len(expected) == len(answer["losses"]), (task, answer, expected)
        for ours, theirs in zip(answer["losses"], expected):
            assert abs(ours - theirs) <= 1e-4 * max(1, abs(theirs)), (task, answer["losses"], expected)
            compared += 1
assert compared >= 30, compared
print("same", compared)
PYTHON
quiet "$python" check.py "$lathe" "$bundle" "$tasks"
grep -q same out.txt || fail "no word of the check"

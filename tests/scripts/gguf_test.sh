#!/usr/bin/env bash
# Models trained here, written as GGUF: llama.cpp reads the same token ids and says the same greedy text; its files come back.
# Needs Python with llama-cpp-python and gguf (LATHE_PYTHON); skipped without.
set -euo pipefail
python=${LATHE_PYTHON:-python3}
"$python" -c 'import llama_cpp, gguf' 2>/dev/null || { echo "no llama-cpp-python and gguf for $python"; exit 77; }
lathe=${LATHE_BUILD:?}/lathe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LATHE_BASE_DIR=$work/base OMP_WAIT_POLICY=passive
fail() { echo "FAILED: $*"; exit 1; }
quiet() { "$@" >>log 2>&1 || { tail -n 5 log; fail "$*"; }; }

quiet "$lathe" synth --size-mb 1 --conversations 20 --eval-cases 4 --pairs 0
quiet "$lathe" tokenizer train --kind spm --model-type bpe --vocab-size 600 --output-dir spm
quiet "$lathe" tokenizer train --split gpt2 --style hf --vocab-size 600 --output-dir gpt2
quiet "$lathe" tokenizer train --split llama3 --vocab-size 600 --output-dir llama3
for kind in spm gpt2 llama3; do
  quiet "$lathe" train --architecture llama --depth 2 --n-embd 64 --n-head 4 --n-kv-head 2 --mlp-hidden 256 --max-seq-len 128 \
    --device-batch-size 4 --total-batch-size 2048 --tokenizer $kind --num-iterations 100 --save-every -1 --eval-every -1 --sample-every -1 \
    --threads 1 --tag $kind --learning-rate 0.003
  for type in fp32 fp16 q8_0 q4_k; do quiet "$lathe" export $kind-$type.gguf --to gguf --type $type --tag $kind; done
done

cat >compare.py <<'P'
import json, subprocess, sys
import gguf
from llama_cpp import Llama

lathe, kind = sys.argv[1:]
texts = ["Once upon a time there was a little fox.", "12 + 345 = 357", "  two  spaces and\ttabs\n\nlines", "café 😀 中文", "don't WE'LL it's", "x",
         "a_b-c(d)=[1,2]; // comment", "", "The    end   ", "\n", "日本語テキスト", "naïve Ünïcödé ½ ² ①", "1234567890 1,000,000.50"]


def run(*arguments, text=None):
    done = subprocess.run([lathe, *arguments], input=text, capture_output=True)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr.decode()[-300:]}")
    return done.stdout.decode()


def ours_encoded(text):
    return json.loads(run("tokenizer", "encode", "--tokenizer", kind, "--json", text=text.encode()))["ids"]


prompt = "Once upon a time"


def greedy(model):
    tokens = []
    for token in model.generate(model.tokenize(prompt.encode(), add_bos=True, special=False), temp=0.0, top_k=1, repeat_penalty=1.0):
        tokens.append(token)
        if len(tokens) == 64:
            break
    return model.detokenize(tokens).decode("utf-8", "replace")


expected = [ours_encoded(text) for text in texts]
for form in ("fp32", "fp16", "q8_0", "q4_k"):
    path = f"{kind}-{form}.gguf"
    tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
    assert len(tensors) == 21 and tensors["blk.0.attn_q.weight"].tensor_type.name == {"fp32": "F32", "fp16": "F16", "q8_0": "Q8_0", "q4_k": "Q8_0"}[form], path
    model = Llama(path, n_ctx=128, n_threads=1, verbose=False, seed=1)
    for text, ours in zip(texts, expected):
        theirs = model.tokenize(text.encode(), add_bos=False, special=False)
        assert ours == theirs, (kind, text, ours, theirs)
        assert model.tokenize(text.encode(), add_bos=True, special=False) == [model.token_bos()] + ours, (kind, text)
    tag = f"{kind}-{form}-back"
    run("import", path, "--tag", tag)
    said = run("generate", "--tag", tag, "--prompt", prompt, "--max-tokens", "64", "--temperature", "0", "--dtype", "fp32", "--threads", "1", "--json")
    ours = json.loads(said.strip().split("\n")[-1])["texts"][0].removeprefix(prompt)
    theirs = greedy(model)
    if form.startswith("q"):
        # With codes llama.cpp rounds the activations, too: its text parts from that of the same weights in float32 at some point.
        assert form != "q8_0" or ours[:8] == theirs[:8], (kind, form, ours, theirs)
        run("export", "decoded.gguf", "--force", "--to", "gguf", "--type", "f32", "--tag", tag)
        theirs = greedy(Llama("decoded.gguf", n_ctx=128, n_threads=1, verbose=False, seed=1))
    assert len(set(ours.split())) > 5 and ours == theirs, (kind, form, ours, theirs)
    print(kind, form, "64 tokens of greedy text")
P
for kind in spm gpt2 llama3; do "$python" compare.py "$lathe" $kind || fail "$kind"; done

# From file to file; llama.cpp loads each, and what is not asked for stays.
for type in q4_0 q4_k q6_k bf16; do
  quiet "$lathe" quantize spm-fp32.gguf spm-$type.gguf --type $type --json --force
  grep -qE '^ffn_down +'"$type"' ' log || fail "ffn_down is not $type"
  "$python" - spm-$type.gguf $type <<'P' || fail "llama.cpp on $type"
import sys
import gguf
from llama_cpp import Llama

reader = gguf.GGUFReader(sys.argv[1])
assert {t.name: t for t in reader.tensors}["blk.0.ffn_down.weight"].tensor_type.name.lower() == sys.argv[2]
assert reader.fields["general.architecture"].contents() == "llama"
model = Llama(sys.argv[1], n_ctx=128, n_threads=1, verbose=False)
assert len(model("Once upon", max_tokens=4)["choices"][0]["text"]) > 0
P
  quiet "$lathe" import spm-$type.gguf --tag spm-$type
done
quiet "$lathe" quantize "$LATHE_BASE_DIR/base_checkpoints/spm/step_100" again.gguf --type f32
quiet "$lathe" quantize spm-fp32.gguf again2.gguf --type f32
"$lathe" train --depth 2 --aspect-ratio 16 --head-dim 16 --max-seq-len 32 --device-batch-size 4 --total-batch-size 512 --num-iterations 1 \
  --tokenizer gpt2 --eval-every -1 --sample-every -1 --tag chat >>log 2>&1 || { tail -n 3 log; fail "a chat model"; }
if "$lathe" export chat.gguf --to gguf --tag chat 2>err; then fail "the chat family was exported"; fi
grep -q 'chat family' err || { cat err; fail "no reason"; }
[ ! -e chat.gguf ] || fail "a file was left"
